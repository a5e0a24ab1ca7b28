// The attention core of a layer: flash attention, and a ring of keys and values under context parallelism.
//
// Ring attention (Liu et al. 2023, 2310.01889) as in Megatron-Core's default: each of c ranks keeps its queries and
// sees the keys and values of all in c steps, so it does 1/c of the pairs in c kernels (causal work is spread evenly by
// giving each rank an early and a late piece, Llama 3, 2407.21783, 3.3.2). The traffic is in layer_communication.cpp.
#include "layer_parts.h"

namespace bigmac {

AttentionWidths attention_widths(const LayerView& view) {
  AttentionWidths widths;
  if (!view.layer.attention) return widths;
  const AttentionCore& core = *view.layer.attention;
  const auto qk = static_cast<double>(core.qk_dim), v = static_cast<double>(core.v_dim);
  widths.heads = static_cast<double>(core.heads) / view.tp;
  widths.kv_heads = std::max(std::min(1.0, widths.heads), static_cast<double>(core.kv_heads) / view.tp);
  widths.query = widths.heads * qk;
  widths.key = widths.kv_heads * qk;
  widths.value = widths.kv_heads * v;
  widths.output = widths.heads * v;
  return widths;
}

AttentionShape attention_shape(const LayerView& view) {
  const AttentionCore& core = *view.layer.attention;
  const AttentionWidths widths = attention_widths(view);
  AttentionShape shape;
  shape.heads = widths.heads / view.plan.cp;
  shape.kv_heads = widths.kv_heads / view.plan.cp;
  shape.qk_dim = static_cast<double>(core.qk_dim);
  shape.v_dim = static_cast<double>(core.v_dim);
  shape.causal = core.causal;
  shape.window = static_cast<double>(core.window);
  return packed(shape, view.load.tokens, view.load.pairs);
}

namespace {

// Unfused, as Megatron-LM ran it before flash attention: every score is written and read between kernels. Forward:
// Q K^T, softmax with scale and mask in one kernel (reads 2, writes 2 bytes a score), dropout (2 + 2 and a mask of 1),
// P V. Backward: two products for each, softmax (reads 2 + 2, writes 2), dropout (2 + 1 + 2). Masked scores are
// computed as all others.
PassUs unfused_attention(const LayerView& view) {
  const Gpu& gpu = view.cluster.gpu;
  const AttentionShape a = attention_shape(view);
  const double matrices = a.batch * a.heads, s = a.sequence, scores = matrices * s * s;
  const double dropout = view.plan.dropout ? 5 : 0;
  const auto passes = [&](double softmax) {
    return view.cluster.training.traffic_scale *
           (elementwise_us(gpu, softmax * scores) + elementwise_us(gpu, dropout * scores));
  };
  const double scale = view.cluster.training.product_scale;
  const double forward = gemm_us(gpu, s, s, a.qk_dim, matrices) + gemm_us(gpu, s, a.v_dim, s, matrices);
  const double backward = 2 * gemm_us(gpu, s, s, a.v_dim, matrices) + 2 * gemm_us(gpu, s, a.qk_dim, s, matrices);
  return {.forward = scale * forward + passes(4), .input_gradient = scale * backward + passes(6)};
}

}  // namespace

PassUs attention_us(const LayerView& view) {
  if (!view.layer.attention || !(view.load.pairs > 0)) return {};
  if (!view.plan.flash_attention) return unfused_attention(view);
  const Gpu& gpu = view.cluster.gpu;
  const AttentionShape shape = attention_shape(view);
  const double launches = (view.plan.cp - 1) * gpu.attention.launch_us;  // the ring's kernels beyond the first
  return {.forward = attention_forward_us(gpu, shape) + launches,
          .input_gradient = attention_backward_us(gpu, shape) + launches,
          .weight_gradient = 0};
}

}  // namespace bigmac
