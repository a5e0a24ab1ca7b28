// What a layer reads and writes outside its products and attention, as fused kernels do it; no dropout.
//
// Bytes per token, h the width, bf16. Forward: a norm reads x, writes y: 4h; a residual addition reads two, writes one:
// 6h; rotary embedding (or the split into heads) reads and writes q and k; an activation function reads its input and
// writes its output: 4f, gated 2(2f + f). Backward: a norm reads x and dy, writes dx: 6h; each residual branch adds two
// gradients: 6h; q and k once more, then dq, dk, dv are put side by side: 4(q + k + v); an activation reads its input
// and dy, writes dx: 6f, gated 2(2f + f + 2f). For a GPT layer over t GPUs, A = 2bsh:
//   forward 10A + 12A/t, backward 12A + 22A/t.
#include "layer_parts.h"

namespace bigmac {
namespace {

/// `kernels` that stream `bytes` together.
double streams_us(const LayerView& view, double kernels, double bytes) {
  return kernels > 0 ? kernels * elementwise_us(view.cluster.gpu, bytes / kernels) : 0;
}

/// The same of kernels inside a layer.
double kernels_us(const LayerView& view, double kernels, double bytes) {
  return view.cluster.training.traffic_scale * streams_us(view, kernels, bytes);
}

PassUs residual_stream(const LayerView& view) {
  const auto norms = static_cast<double>(view.layer.norms);
  const double adds = view.layer.kind == LayerKind::transformer ? std::min(norms, 2.0) : 0;
  const double row = kHalf * view.width * view.shard;
  // Dropout before an addition writes a mask byte per element; its backward reads dy and the mask and writes dx.
  const double mask = view.plan.dropout ? 0.5 * row : 0, undo = view.plan.dropout ? adds : 0;
  return {.forward = kernels_us(view, norms, 2 * row * norms) + kernels_us(view, adds, (3 * row + mask) * adds),
          .input_gradient = kernels_us(view, norms, 3 * row * norms) + kernels_us(view, adds, 3 * row * adds) +
                            kernels_us(view, undo, 2.5 * row * undo),
          .weight_gradient = 0};
}

PassUs heads(const LayerView& view) {
  if (!view.layer.attention) return {};
  const AttentionWidths w = attention_widths(view);
  const double rotated = 2 * kHalf * (w.query + w.key) * view.tokens;
  const double joined = 2 * kHalf * (w.query + w.key + w.value) * view.tokens;
  return {.forward = kernels_us(view, 2, rotated),
          .input_gradient = kernels_us(view, 2, rotated) + kernels_us(view, 1, joined),
          .weight_gradient = 0};
}

/// After a product: its activation function, or the norm of a latent (DeepSeek-V2, 2.1).
PassUs after_product(const LayerView& view, const Linear& linear) {
  const LocalProduct p = local_product(view, linear);
  const double out = kHalf * p.rows * p.out * p.count;
  if (linear.role == LinearRole::attention && linear.split == Split::replicated)
    return {.forward = kernels_us(view, 1, 2 * out), .input_gradient = kernels_us(view, 1, 3 * out)};
  if (!activated(linear)) return {};
  const double left = surviving(linear, out);
  return {.forward = kernels_us(view, 1, out + left), .input_gradient = kernels_us(view, 1, 2 * out + left)};
}

/// Rows are put in the order of experts before the all-to-all and, across GPUs, once more after it; then all of it back
/// (Megatron-Core, moe/token_dispatcher.py). The last step reads `active` rows per token and writes one. Scores: 4
/// passes in fp32 (assumed: softmax and top-k each read and write them).
PassUs dispatch(const LayerView& view) {
  if (!view.layer.experts) return {};
  const double rows = kHalf * view.width * view.dispatched;
  const double tokens = kHalf * view.width * view.tokens / view.tp;
  const double sorts = view.plan.ep > 1 ? 2 : 0;
  const double scores = 4 * kSingle * static_cast<double>(view.layer.experts->count) * view.shard;
  const double us = kernels_us(view, 2, 2 * rows + rows + tokens) + kernels_us(view, sorts, sorts * 2 * rows) +
                    kernels_us(view, 2, scores);
  return {.forward = us, .input_gradient = us, .weight_gradient = 0};
}

/// Rows of the table are read and written; cut by tp, rows of other GPUs are zeroed. The gradient: dy is added into a
/// bf16 table set to zero before (2 bytes per parameter), and that into the fp32 gradients (2 + 8). Without a
/// vocabulary the same first pass adds a position table, and its gradient is small.
PassUs embedding(const LayerView& view) {
  if (view.layer.kind != LayerKind::embedding) return {};
  const double rows = kHalf * view.width * view.tokens;
  const bool cut = view.layer.vocabulary > 0 && view.plan.tp > 1;
  PassUs us{.forward = streams_us(view, cut ? 2 : 1, (cut ? 3 : 2) * rows), .input_gradient = 0, .weight_gradient = 0};
  if (view.plan.frozen) return us;
  const double table = static_cast<double>(view.layer.vocabulary) * view.width / view.tp;
  us.weight_gradient = streams_us(view, 3, 3 * rows + (2 * kHalf + 2 * kSingle) * table);
  return us;
}

/// Megatron-Core, tensor_parallel/cross_entropy.py, unfused. Bytes per logit, forward: to fp32 6, maximum 4,
/// subtraction 8, exponential 8, sum 4, division 8; backward: scaling 8, to bf16 6.
PassUs cross_entropy(const LayerView& view) {
  if (view.layer.kind != LayerKind::head) return {};
  const double logits = view.tokens * static_cast<double>(view.layer.vocabulary) / view.tp;
  return {.forward = streams_us(view, 6, 38 * logits), .input_gradient = streams_us(view, 2, 14 * logits)};
}

/// Patches that become one token are moved side by side, there and back.
PassUs merging(const LayerView& view) {
  if (view.layer.kind != LayerKind::projector) return {};
  const double us = streams_us(view, 1, 2 * kHalf * view.width * view.shard);
  return {.forward = us, .input_gradient = us, .weight_gradient = 0};
}

}  // namespace

PassUs traffic_us(const LayerView& view) {
  PassUs us = residual_stream(view);
  us += heads(view);
  for (const Linear& linear : view.layer.linears) us += after_product(view, linear);
  us += dispatch(view);
  us += embedding(view);
  us += cross_entropy(view);
  us += merging(view);
  return us;
}

}  // namespace bigmac
