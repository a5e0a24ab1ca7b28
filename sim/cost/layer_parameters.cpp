// Parameters that one GPU holds, and the bytes of its model state.
#include "bigmac/cost/layer_cost.h"

namespace bigmac {
namespace {

/// A column cut takes the bias along; a row product's bias is added once, after the sum, and is replicated.
double held(const Linear& linear, double tp) {
  const auto in = static_cast<double>(linear.in), out = static_cast<double>(linear.out);
  const double cut = linear.split == Split::replicated ? 1 : tp;
  const double bias = linear.bias ? out / (linear.split == Split::column ? tp : 1) : 0;
  return in * out / cut + bias;
}

}  // namespace

LayerParameters layer_parameters(const Layer& layer, const LayerPlan& plan) {
  const double tp = plan.tp;
  const double table =
      layer.kind == LayerKind::embedding ? static_cast<double>(layer.vocabulary) * static_cast<double>(layer.width) : 0;
  const double experts = layer.experts ? static_cast<double>(layer.experts->count) / plan.ep : 1;
  LayerParameters sum;
  sum.dense = static_cast<double>(layer.other_parameters) - table + table / tp;
  for (const Linear& linear : layer.linears) {
    if (linear.role == LinearRole::expert) sum.expert += held(linear, 1) * experts;
    else sum.dense += held(linear, tp);
  }
  return sum;
}

StateBytes state_bytes(double parameters, int shards, bool frozen) {
  if (frozen) return {.weights = 2 * parameters, .gradients = 0, .optimizer = 0};
  return {.weights = 2 * parameters, .gradients = 4 * parameters, .optimizer = 12 * parameters / shards};
}

}  // namespace bigmac
