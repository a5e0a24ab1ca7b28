// One layer as one GPU sees it, and the parts that its cost is the sum of. Private to sim/cost.
//
// Each part is in a file of its own: products, attention, elementwise traffic, communication, memory.
#pragma once

#include <algorithm>

#include "bigmac/cost/kernels.h"
#include "bigmac/cost/layer_cost.h"

namespace bigmac {

inline constexpr double kHalf = 2;    // bytes of a bf16 number
inline constexpr double kSingle = 4;  // bytes of an fp32 number

/// Microseconds by pass.
struct PassUs {
  double forward = 0;
  double input_gradient = 0;
  double weight_gradient = 0;

  PassUs& operator+=(const PassUs& other) {
    forward += other.forward;
    input_gradient += other.input_gradient;
    weight_gradient += other.weight_gradient;
    return *this;
  }
};

/// Refers to the arguments of layer_cost and lives no longer than its call.
struct LayerView {
  const Cluster& cluster;
  const Layer& layer;
  const LayerPlan& plan;
  const LayerLoad& load;
  const ExposedShares& exposed;
  double width;       ///< elements of the residual stream
  double tp;          ///< plan.tp
  bool sharded;       ///< sequence parallelism is on and matters
  double tokens;      ///< of this GPU's tp group: load.tokens / cp
  double shard;       ///< where sequence parallelism cuts them: tokens / tp
  double samples;     ///< sequences or images, all cp ranks
  double dispatched;  ///< rows that this GPU's experts work on, at balanced load
  double experts;     ///< routed experts this GPU holds
};
LayerView view_of(const Cluster& cluster, const Layer& layer, const LayerPlan& plan, const LayerLoad& load,
                  const ExposedShares& exposed);

/// `count` equal products on one GPU: (rows x in) by (in x out).
struct LocalProduct {
  double rows, in, out, count;
};
LocalProduct local_product(const LayerView& view, const Linear& linear);
/// An activation function works on the product's output.
bool activated(const Linear& linear);
/// Elements that the activation function leaves per row.
inline double surviving(const Linear& linear, double out) { return linear.gated ? out / 2 : out; }

/// What one GPU holds of queries, keys and values, elements per token of its tp group. A key-value head is not cut.
struct AttentionWidths {
  double query = 0, key = 0, value = 0, output = 0;
  double heads = 0, kv_heads = 0;
};
AttentionWidths attention_widths(const LayerView& view);
AttentionShape attention_shape(const LayerView& view);

PassUs products_us(const LayerView& view);
/// The longest single product, by pass.
PassUs longest_product_us(const LayerView& view);
PassUs attention_us(const LayerView& view);
PassUs traffic_us(const LayerView& view);
PassUs communication_us(const LayerView& view);
/// Blocks that tp cuts; the shortest exposed traffic of one in F and in I, and the shortest half of it.
struct BlockWaits {
  double blocks = 0;
  PassUs shortest, half;
};
BlockWaits block_waits(const LayerView& view);
/// What F and the backward look like from outside, from the times of their parts.
void shape_passes(const LayerView& view, const PassUs& communication, LayerCost& cost);
/// Operators the host launches, by pass.
PassUs launches(const LayerView& view);

struct LayerMemory {
  double kept = 0;  ///< under plan.recompute
  double transient = 0;
};
LayerMemory memory_of(const LayerView& view);

/// 2 per multiply-add, forward, over all GPUs of the group.
double forward_flops(const LayerView& view);

}  // namespace bigmac
