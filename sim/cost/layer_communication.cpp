// Traffic inside a layer: tensor, expert and context parallelism, as far as it is exposed.
//
// A block is a run of column products that share an input, closed by a row product (Shoeybi et al. 2019, 1909.08053).
// Without sequence parallelism the row product's output is all-reduced in F and the column products' input gradient in
// the backward. With it (Korthikanti et al. 2022, 2205.05198, 4.2.2) F gathers the input and reduce-scatters the
// output, the backward does the reverse, and the weight gradient gathers the input again. Ranks lie as in
// Megatron-Core: tp innermost, then cp; the GPUs that share experts are consecutive.
#include <algorithm>
#include <cmath>
#include <vector>

#include "kernel_parts.h"
#include "layer_parts.h"

namespace bigmac {
namespace {

/// Elements per token of the layer.
struct Block {
  double gathered = 0;
  double reduced = 0;
};

/// Column products whose inputs have the same width share it (qkv and a gate); others do not (the two latents of MLA).
std::vector<Block> blocks_of(const Layer& layer) {
  std::vector<Block> blocks;
  Block open;
  std::vector<std::int64_t> inputs;
  for (const Linear& linear : layer.linears) {
    if (linear.role == LinearRole::expert || linear.token_share <= 0 || linear.split == Split::replicated) continue;
    if (linear.split == Split::row) {
      open.reduced = linear.token_share * static_cast<double>(linear.out);
      blocks.push_back(open);
      open = {};
      inputs.clear();
    } else if (std::find(inputs.begin(), inputs.end(), linear.in) == inputs.end()) {
      open.gathered += linear.token_share * static_cast<double>(linear.in);
      inputs.push_back(linear.in);
    }
  }
  if (open.gathered > 0) blocks.push_back(open);
  return blocks;
}

double tensor_us(const LayerView& view, Collective collective, double elements) {
  const int local = std::min(view.plan.tp, view.cluster.node.gpus);
  return view.cluster.training.collective_scale *
         collective_us(view.cluster, collective, kHalf * elements * view.tokens, view.plan.tp, local);
}

/// Transformer Engine's overlap (Megatron-Core, --tp-comm-overlap) cuts a product and its gather or scatter into tp
/// pieces, of which the first gather and the last scatter have nothing beside them; the second gather and the reduction
/// of input gradients run whole beside another product.
ExposedShares shares_of(const LayerView& view) {
  ExposedShares share = view.exposed;
  if (!view.plan.overlap_tensor || !view.sharded) return share;
  share.forward /= view.tp;
  share.regather = share.column_gradient = 0;
  return share;
}

PassUs block_us(const LayerView& view, const Block& block) {
  const ExposedShares share = shares_of(view);
  const double beside = view.plan.frozen ? 1 : share.column_gradient;
  PassUs us;
  if (!view.sharded) {
    us.forward = share.forward * tensor_us(view, Collective::all_reduce, block.reduced);
    us.input_gradient = beside * tensor_us(view, Collective::all_reduce, block.gathered);
    return us;
  }
  const double gather = tensor_us(view, Collective::all_gather, block.gathered);
  us.forward = share.forward * (gather + tensor_us(view, Collective::reduce_scatter, block.reduced));
  us.input_gradient = share.forward * tensor_us(view, Collective::all_gather, block.reduced) +
                      beside * tensor_us(view, Collective::reduce_scatter, block.gathered);
  if (!view.plan.frozen) us.weight_gradient = share.regather * gather;
  return us;
}

/// A table cut by rows: every GPU has a partial sum of all tokens. The loss: three numbers per token are all-reduced.
PassUs vocabulary_us(const LayerView& view) {
  if (view.layer.vocabulary == 0 || view.plan.tp == 1) return {};
  if (view.layer.kind == LayerKind::head)
    return {.forward = 3 * tensor_us(view, Collective::all_reduce, kSingle / kHalf)};
  PassUs us;
  us.forward = tensor_us(view, view.sharded ? Collective::reduce_scatter : Collective::all_reduce, view.width);
  if (view.sharded && !view.plan.frozen) us.weight_gradient = tensor_us(view, Collective::all_gather, view.width);
  return us;
}

/// A token goes to `active` experts spread over N nodes, in expectation to N (1 - (1 - 1/N)^active) different ones, of
/// which 1/N is its own. Sent once to each and copied there (DeepSeek-V3, 2412.19437, 3.2.2) its copies travel at the
/// port's whole rate: DeepEP's README measures 43 to 58 GB/s over ports of 50 with 16 to 64 GPUs.
double dispatch_once_us(const LayerView& view, double nodes) {
  const double reached = nodes * (1 - std::pow(1 - 1 / nodes, static_cast<double>(view.layer.experts->active)));
  const double sent = kHalf * view.width * view.tokens / view.tp * reached * (nodes - 1) / nodes;
  return view.cluster.network.latency_us + per_us(sent, view.cluster.network.gbps_per_gpu);
}

/// One all-to-all among the GPUs that share experts.
double expert_exchange_us(const LayerView& view) {
  const double nodes = std::ceil(static_cast<double>(view.plan.ep) / view.cluster.node.gpus);
  if (view.plan.dispatch_once && nodes > 1) return dispatch_once_us(view, nodes);
  const int local = std::min(view.plan.ep, view.cluster.node.gpus);
  return collective_us(view.cluster, Collective::all_to_all, kHalf * view.width * view.dispatched, view.plan.ep, local);
}

/// To the experts and back, in both passes. What a GPU sends is what it receives at balanced load.
PassUs expert_us(const LayerView& view) {
  if (!view.layer.experts) return {};
  const double us = 2 * view.exposed.all_to_all * expert_exchange_us(view);
  return {.forward = us, .input_gradient = us, .weight_gradient = 0};
}

/// What a step's transfer takes longer than the attention beside it; the backward passes gradients on as well.
PassUs ring_us(const LayerView& view) {
  const int cp = view.plan.cp;
  if (!view.layer.attention || cp == 1 || !(view.load.pairs > 0)) return {};
  const AttentionShape shape = attention_shape(view);
  const AttentionWidths widths = attention_widths(view);
  const Gpu& gpu = view.cluster.gpu;
  const bool same_node = view.plan.tp * cp <= view.cluster.node.gpus;
  const double bytes = kHalf * (widths.key + widths.value) * view.tokens;
  const auto rest = [&](double attention, double sent) {
    return view.exposed.ring * (cp - 1) * std::max(0.0, transfer_us(view.cluster, sent, same_node) - attention / cp);
  };
  return {.forward = rest(attention_forward_us(gpu, shape), bytes),
          .input_gradient = rest(attention_backward_us(gpu, shape), 2 * bytes),
          .weight_gradient = 0};
}

}  // namespace

BlockWaits block_waits(const LayerView& view) {
  BlockWaits out;
  if (view.plan.tp == 1 || view.layer.kind != LayerKind::transformer) return out;
  const auto shorter = [&](double& shortest, double us) { shortest = out.blocks == 0 ? us : std::min(shortest, us); };
  for (const Block& block : blocks_of(view.layer)) {
    const PassUs us = block_us(view, block);
    shorter(out.shortest.forward, us.forward);
    shorter(out.shortest.input_gradient, us.input_gradient);
    if (view.sharded) {
      const double share = shares_of(view).forward;
      const double gather = share * tensor_us(view, Collective::all_gather, std::min(block.gathered, block.reduced));
      shorter(out.half.forward, std::min(gather, us.forward - gather));
      shorter(out.half.input_gradient, std::min(gather, us.input_gradient - gather));
    }
    ++out.blocks;
  }
  return out;
}

PassUs communication_us(const LayerView& view) {
  PassUs us;
  if (view.plan.tp > 1)
    for (const Block& block : blocks_of(view.layer)) us += block_us(view, block);
  us += vocabulary_us(view);
  us += expert_us(view);
  us += ring_us(view);
  return us;
}

}  // namespace bigmac
