#include "bigmac/cost/layer_kernels.h"

#include "layer_parts.h"

namespace bigmac {
namespace {

/// A GPU on which a kernel bound by memory takes `per_kernel` + `per_byte` x bytes. elementwise_us is linear, so two of
/// them tell how many kernels a layer's traffic is and how many bytes it moves.
Cluster probe(double per_kernel, double per_byte) {
  Cluster cluster;
  cluster.gpu.launch_us = per_kernel;
  cluster.gpu.hbm_share = 1;
  cluster.gpu.hbm_gbps = per_byte > 0 ? 1e-3 / per_byte : 1e300;
  return cluster;
}

PassUs traffic_on(const Cluster& cluster, const Layer& layer, const LayerPlan& plan, const LayerLoad& load) {
  const ExposedShares exposed;
  return traffic_us(view_of(cluster, layer, plan, load, exposed));
}

}  // namespace

LayerKernels layer_kernels(const Layer& layer, const LayerPlan& plan, const LayerLoad& load) {
  LayerKernels out;
  if (!(load.tokens > 0)) return out;
  const Cluster counts = probe(1, 0), bytes = probe(0, 1);
  const ExposedShares exposed;
  const LayerView view = view_of(counts, layer, plan, load, exposed);
  for (const Linear& linear : layer.linears) {
    const LocalProduct p = local_product(view, linear);
    out.products.push_back({linear.name, p.rows, p.in, p.out, p.count, layer.kind != LayerKind::embedding});
  }
  if (layer.attention && load.pairs > 0) out.attention = attention_shape(view);
  out.norms = static_cast<double>(layer.norms);
  out.norm_rows = view.shard;
  out.norm_width = view.width;
  const PassUs kernels = traffic_on(counts, layer, plan, load), moved = traffic_on(bytes, layer, plan, load);
  out.forward = {kernels.forward, moved.forward};
  out.input_gradient = {kernels.input_gradient, moved.input_gradient};
  out.weight_gradient = {kernels.weight_gradient, moved.weight_gradient};
  return out;
}

}  // namespace bigmac
