// What a layer keeps for its backward, and what its passes hold beside that; bytes on one GPU.
//
// Counted by operator (Korthikanti et al. 2022, 2205.05198, section 4, without dropout masks and with flash attention):
// a norm keeps its input; a product whose weights are trained keeps its input, which products that read the same norm
// share; flash attention keeps q, k, v, o and one fp32 number per head and token; an activation function keeps its
// input. A GPT layer of MLP 4h: norms 4h, their outputs 4h, q k v o 8h, MLP 8h + 8h, in all s b h 32 + 4 b s a; over t
// with sequence parallelism, else the first two terms whole: s b h (8 + 24/t).
#include "layer_parts.h"

namespace bigmac {
namespace {

/// The product reads a norm of the residual stream (for a projector: of the patches put side by side).
bool reads_norm(const Layer& layer, const Linear& linear) {
  const auto in = static_cast<double>(linear.in), width = static_cast<double>(layer.width);
  return layer.norms > 0 && linear.split != Split::row && linear.role != LinearRole::expert &&
         (linear.in == layer.width || in * linear.token_share == width);
}

double kept_input(const LayerView& view, const Linear& linear) {
  const bool is_attention_output = linear.role == LinearRole::attention && linear.split == Split::row;
  if (view.plan.frozen || reads_norm(view.layer, linear) || is_attention_output) return 0;
  const LocalProduct p = local_product(view, linear);
  const bool gathered = view.sharded && linear.split == Split::column && linear.role != LinearRole::expert;
  return kHalf * p.rows * p.in * p.count / (gathered ? view.tp : 1);
}

/// Inputs of activation functions and of the norms of latents; the router's scores.
double kept_output(const LayerView& view, const Linear& linear) {
  const LocalProduct p = local_product(view, linear);
  const bool latent = linear.role == LinearRole::attention && linear.split == Split::replicated;
  const double bytes = linear.role == LinearRole::router ? kSingle : activated(linear) || latent ? kHalf : 0;
  return bytes * p.rows * p.out * p.count;
}

/// Unfused attention keeps each score's softmax (2), dropout's mask (1) and result (2): 5 a s^2 b in all
/// (2205.05198, 4.1). Selective recompute drops what the attention core can rebuild: with flash attention only its row
/// statistics.
double kept_attention(const LayerView& view) {
  const AttentionWidths w = attention_widths(view);
  const bool rebuilt = view.plan.recompute == Recompute::selective;
  const double per_score = rebuilt || view.plan.flash_attention || !view.layer.attention ? 0
                           : view.plan.dropout                                           ? 5
                                                                                         : 2;
  const double scores = per_score * w.heads * view.load.pairs / view.plan.cp;
  const double statistics = rebuilt || !view.plan.flash_attention ? 0 : kSingle * w.heads;
  return scores + (kHalf * (w.query + w.key + w.value + w.output) + statistics) * view.tokens;
}

double logits(const LayerView& view) {
  return view.layer.kind == LayerKind::head ? view.tokens * static_cast<double>(view.layer.vocabulary) / view.tp : 0;
}

bool in_mlp(const Linear& linear) {
  return linear.role == LinearRole::mlp || linear.role == LinearRole::expert ||
         linear.role == LinearRole::shared_expert;
}

/// What an MLP, or experts, keep besides the norm they read, which stays.
double kept_mlp(const LayerView& view) {
  double bytes = 0;
  for (const Linear& linear : view.layer.linears)
    if (in_mlp(linear)) bytes += kept_input(view, linear) + kept_output(view, linear);
  return bytes;
}

/// Everything the backward reads. Of more than two norms the others end in an addition, which keeps nothing. The head
/// keeps the fp32 softmax (Megatron-Core, cross_entropy.py).
double kept_whole(const LayerView& view) {
  const auto norms = static_cast<double>(view.layer.norms);
  const double row = kHalf * view.width * view.shard;
  double bytes = row * (norms + (view.plan.frozen ? 0 : std::min(norms, 2.0)));
  if (view.plan.dropout && view.layer.kind == LayerKind::transformer) bytes += 0.5 * row * std::min(norms, 2.0);
  for (const Linear& linear : view.layer.linears) bytes += kept_input(view, linear) + kept_output(view, linear);
  return bytes + kept_attention(view) + kSingle * logits(view);
}

/// Megatron-Core hands autograd an empty bf16 gradient per weight, one buffer per shape that lives for good
/// (tensor_parallel/ layers.py and Transformer Engine, get_dummy_wgrad); the experts of a layer share theirs.
double unused_gradients(const LayerView& view) {
  double bytes = 0;
  for (const Linear& linear : view.layer.linears) {
    const LocalProduct p = local_product(view, linear);
    bytes += view.plan.frozen ? 0 : kHalf * p.in * p.out;
  }
  return bytes;
}

/// Gradients alive at once around an activation function or in attention (dq summed in fp32, then dq, dk, dv; do); the
/// input gathered for a product; bf16 logits, which stand beside their fp32 copy, then their gradient.
double workspace(const LayerView& view) {
  const AttentionWidths w = attention_widths(view);
  const double around = kSingle * w.query + kHalf * (w.query + w.key + w.value + w.output);
  double most = around * view.tokens;
  if (!view.plan.flash_attention) most += 2 * kHalf * w.heads * view.load.pairs / view.plan.cp;  // of scores
  for (const Linear& linear : view.layer.linears) {
    const LocalProduct p = local_product(view, linear);
    if (activated(linear)) most = std::max(most, kHalf * p.rows * p.count * (p.out + surviving(linear, p.out)));
  }
  const double gathered = view.sharded ? kHalf * view.width * view.tokens : 0;
  return most + gathered + kHalf * logits(view) + unused_gradients(view);
}

}  // namespace

LayerMemory memory_of(const LayerView& view) {
  const double whole = kept_whole(view);
  const double work = workspace(view);
  const Recompute again = view.layer.kind == LayerKind::transformer ? view.plan.recompute : Recompute::none;
  if (again == Recompute::mlp) return {whole - kept_mlp(view), kept_mlp(view) + work};
  if (again != Recompute::full) return {whole, work};
  const double input = kHalf * view.width * view.shard;
  return {input, std::max(0.0, whole - input) + work};
}

}  // namespace bigmac
