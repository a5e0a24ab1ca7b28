// One fused attention kernel (FlashAttention-2, Dao 2023): blocks of query rows walk over the keys.
//
// FLOPs are those of the two products over the pairs that are not masked. The rate falls with the
// head width because the softmax between the products does not shrink with it. Blocks of unequal
// length share the multiprocessors: the work spread evenly plus the longest block (Graham 1966).
#include <algorithm>
#include <cmath>

#include "bigmac/cost/kernels.h"
#include "kernel_parts.h"

namespace bigmac {
namespace {

/// Keys an average query sees.
double mean_keys(const AttentionShape& shape) {
  const double s = shape.sequence;
  const double w = shape.window > 0 ? std::min(shape.window, s) : s;
  return shape.causal ? w - w * w / (2 * s) : w;
}

/// Head widths are padded to a multiple of 32 (the instances that flash-attention compiles).
double padded(double width) { return 32 * std::ceil(width / 32); }

/// Rate at this head width over the rate at 128: a power law through narrow_share at 64.
double width_share(const AttentionFit& fit, double width) {
  return std::pow(fit.narrow_share, std::max(0.0, std::log2(128 / width)));
}

/// Keys that the last, longest row of queries sees.
double most_keys(const AttentionShape& shape) {
  return shape.window > 0 ? std::min(shape.window, shape.sequence) : shape.sequence;
}

/// Bytes of q, k, v and o; those of k and v weigh kv_weight (they are also written to a cache).
double bytes_moved(const AttentionFit& fit, const AttentionShape& a) {
  return 2 * a.batch * a.sequence * (a.qk_dim + a.v_dim) * (a.heads + fit.kv_weight * a.kv_heads);
}

/// `products`: widths multiplied per pair of tokens, in units of the forward pass.
double attention_us(const Gpu& gpu, const AttentionShape& a, double products) {
  if (!(a.batch > 0 && a.sequence > 0 && a.heads > 0 && a.qk_dim + a.v_dim > 0)) return 0;
  const AttentionFit& fit = gpu.attention;
  const double width = (padded(a.qk_dim) + padded(a.v_dim)) / 2;
  const double rate = fit.peak_share * width_share(fit, width) * gpu.bf16_tflops * 1e6 / gpu.multiprocessors;
  const double per_key = 4 * products * width / rate;  // of one row of queries
  const double rows = a.batch * a.heads * a.sequence / gpu.multiprocessors;
  const double spread = rows * (mean_keys(a) + fit.fill_keys) * per_key;
  const double longest = fit.block_rows * (most_keys(a) + fit.fill_keys) * per_key;
  const double memory = per_us(products * bytes_moved(fit, a), fit.hbm_share * gpu.hbm_gbps);
  return fit.launch_us + spread + longest + memory;
}

}  // namespace

AttentionShape packed(AttentionShape shape, double tokens, double pairs) {
  shape.batch = pairs > 0 ? tokens * (tokens / pairs) : 0;
  shape.sequence = tokens > 0 ? pairs / tokens : 0;
  return shape;
}

double attention_forward_us(const Gpu& gpu, const AttentionShape& shape) { return attention_us(gpu, shape, 1); }

double attention_backward_us(const Gpu& gpu, const AttentionShape& shape) { return attention_us(gpu, shape, 2.5); }

}  // namespace bigmac
