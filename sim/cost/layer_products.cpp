// Matrix products of a layer: forward, gradient of the input, gradient of the weights.
//
// y = x W with x (m x in), W (in x out): dx = dy W^T is (m x out) by (out x in), dW = x^T dy is
// (in x m) by (m x out), so each costs what the forward does, at its own shape (Narayanan 2021, appendix).
#include "kernel_parts.h"
#include "layer_parts.h"

namespace bigmac {
namespace {

/// Rows that enter a product, over all experts where it is theirs. Replicated products work on the GPU's shard of the
/// tokens, as Megatron-Core's routers and latent projections do; what enters the model enters whole.
double rows_of(const LayerView& view, const Linear& linear) {
  if (linear.role == LinearRole::expert) return view.dispatched;
  if (linear.token_share <= 0) return view.samples;
  const bool on_shard = linear.split == Split::replicated && view.layer.kind != LayerKind::embedding;
  return linear.token_share * (on_shard ? view.shard : view.tokens);
}

/// The product adds into fp32 gradients: its epilogue reads and writes 4 bytes where gemm_us counts 2 written
/// (Megatron-Core, wgrad_gemm_accum_fp32), so 6 bytes per parameter more, of every expert held. A bias gradient reads
/// dy. In 16 bits PyTorch adds a gradient to the sum in a kernel of its own, which reads two and writes one: 6 bytes as
/// well.
double accumulation_us(const LayerView& view, const Linear& linear, const LocalProduct& p) {
  const Gpu& gpu = view.cluster.gpu;
  const double held = linear.role == LinearRole::expert ? view.experts : 1;
  const double sums = linear.bias ? elementwise_us(gpu, kHalf * p.rows * p.out * p.count) : 0;
  return view.exposed.accumulation * per_us((2 * kSingle - kHalf) * p.in * p.out * held, gpu.hbm_share * gpu.hbm_gbps) +
         sums;
}

PassUs product_us(const LayerView& view, const Linear& linear) {
  const Gpu& gpu = view.cluster.gpu;
  const LocalProduct p = local_product(view, linear);
  PassUs us;
  const double scale = view.cluster.training.product_scale;
  us.forward = scale * gemm_us(gpu, p.rows, p.out, p.in, p.count);
  // Pixels and tokens need no gradient. A generator's conditions do; that product is left out.
  if (view.layer.kind != LayerKind::embedding) us.input_gradient = scale * gemm_us(gpu, p.rows, p.in, p.out, p.count);
  if (!view.plan.frozen)
    us.weight_gradient = scale * gemm_us(gpu, p.in, p.out, p.rows, p.count) + accumulation_us(view, linear, p);
  return us;
}

}  // namespace

LocalProduct local_product(const LayerView& view, const Linear& linear) {
  const double rows = rows_of(view, linear);
  const auto in = static_cast<double>(linear.in), out = static_cast<double>(linear.out);
  if (linear.role == LinearRole::expert) {
    const double busy = std::min(view.experts, std::max(1.0, rows));  // no more experts than rows
    return {rows / busy, in, out, busy};
  }
  return {rows, linear.split == Split::row ? in / view.tp : in, linear.split == Split::column ? out / view.tp : out, 1};
}

bool activated(const Linear& linear) {
  const bool mlp =
      linear.role == LinearRole::mlp || linear.role == LinearRole::expert || linear.role == LinearRole::shared_expert;
  return mlp && linear.split == Split::column;
}

PassUs products_us(const LayerView& view) {
  PassUs us;
  for (const Linear& linear : view.layer.linears) us += product_us(view, linear);
  return us;
}

PassUs longest_product_us(const LayerView& view) {
  PassUs longest;
  for (const Linear& linear : view.layer.linears) {
    const PassUs one = product_us(view, linear);
    longest.forward = std::max(longest.forward, one.forward);
    longest.input_gradient = std::max(longest.input_gradient, one.input_gradient);
    longest.weight_gradient = std::max(longest.weight_gradient, one.weight_gradient);
  }
  return longest;
}

}  // namespace bigmac
