// The GPU half of the cost room: microseconds of one kernel or one collective, from its shape.
//
// Pure functions of the cluster's constants and a shape. Sizes are doubles: averages (tokens per
// expert, images of different sizes) and shares (heads under context parallelism) are legitimate.
// Zero work costs 0; every result is finite for sizes up to 1e12. sim/cost/README.md has the
// formulas, their sources and their errors on shapes not used for the fit.
#pragma once

#include "bigmac/workload/cluster.h"

namespace bigmac {

/// Microseconds of `batch` independent bf16 products, (m x k) by (k x n) each, in one kernel.
/// Monotone in every argument; steps where another tile or wave begins.
double gemm_us(const Gpu& gpu, double m, double n, double k, double batch = 1);

/// One fused softmax(Q K^T) V. Query and key lengths are equal.
struct AttentionShape {
  double batch = 1;
  double sequence = 0;
  double heads = 0;  ///< on this GPU; under context parallelism over c ranks: divided by c
  double kv_heads = 0;
  double qk_dim = 128;  ///< width of one head's query and key; any, e.g. 72, 80, 192 (MLA)
  double v_dim = 128;   ///< width of one head's value
  bool causal = true;
  double window = 0;  ///< tokens a query sees at most; 0: the whole sequence
};

/// The shape with the same tokens (sum of s_i) and the same pairs (sum of s_i^2) as a pack of
/// sequences of different length: batch = tokens^2 / pairs of length pairs / tokens.
AttentionShape packed(AttentionShape shape, double tokens, double pairs);

double attention_forward_us(const Gpu& gpu, const AttentionShape& shape);
/// 2.5 times the forward FLOPs: five products in place of two (Dao 2023, FlashAttention-2, 3.1).
double attention_backward_us(const Gpu& gpu, const AttentionShape& shape);

/// A kernel that reads and writes `bytes` in all and computes little: norms, activations, adds.
double elementwise_us(const Gpu& gpu, double bytes);

enum class Collective { all_reduce, all_gather, reduce_scatter, all_to_all };
const char* name(Collective collective);

/// Microseconds of one collective among `group` ranks of which `ranks_per_node` share a node.
/// `bytes`: the whole buffer: what each rank holds before (all-reduce, reduce-scatter, all-to-all)
/// or after (all-gather) the operation. A group of one costs 0.
double collective_us(const Cluster& cluster, Collective collective, double bytes, int group, int ranks_per_node);

/// Point to point, one message.
double transfer_us(const Cluster& cluster, double bytes, bool same_node);

}  // namespace bigmac
