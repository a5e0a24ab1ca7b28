#include "bigmac/cost/layer_cost.h"

#include "layer_parts.h"

namespace bigmac {
namespace {

/// Query-key pairs that are not masked, of sequences of the mean length.
double unmasked_pairs(const AttentionCore& core, const LayerLoad& load) {
  const double length = load.pairs / load.tokens;
  const double window = core.window > 0 ? std::min(static_cast<double>(core.window), length) : length;
  return load.tokens * (core.causal ? window - window * window / (2 * length) : window);
}

/// The layer's forward without its attention and norms, what it sends included: experts dispatch their tokens again.
double mlp_forward_us(const LayerView& view) {
  Layer part = view.layer;
  part.attention.reset();
  part.norms = 0;
  std::erase_if(part.linears, [](const Linear& linear) { return linear.role == LinearRole::attention; });
  LayerPlan plan = view.plan;
  plan.recompute = Recompute::none;
  return layer_cost(view.cluster, part, plan, view.load, view.exposed).forward_us;
}

/// Time that the backward spends on running the forward again.
double recompute_us(const LayerView& view, double forward, double attention) {
  if (view.layer.kind != LayerKind::transformer) return 0;
  switch (view.plan.recompute) {
    case Recompute::none:
    case Recompute::partial: return 0;
    case Recompute::selective: return attention;
    case Recompute::mlp: return mlp_forward_us(view);
    case Recompute::full: return forward;
  }
  return 0;
}

}  // namespace

// A pack of sequences counts as tokens^2 / pairs of equal ones, as in packed(). Experts work on each GPU's own tokens /
// tp: Megatron-Core asks for sequence parallelism where it combines them with tp.
LayerView view_of(const Cluster& cluster, const Layer& layer, const LayerPlan& plan, const LayerLoad& load,
                  const ExposedShares& exposed) {
  const double tokens = load.tokens / plan.cp;
  const bool sharded = plan.sequence_parallel && plan.tp > 1;
  const auto active = static_cast<double>(layer.experts ? layer.experts->active : 0);
  const auto count = static_cast<double>(layer.experts ? layer.experts->count : 0);
  return {.cluster = cluster,
          .layer = layer,
          .plan = plan,
          .load = load,
          .exposed = exposed,
          .width = static_cast<double>(layer.width),
          .tp = static_cast<double>(plan.tp),
          .sharded = sharded,
          .tokens = tokens,
          .shard = sharded ? tokens / plan.tp : tokens,
          .samples = load.pairs > 0 ? load.tokens * (load.tokens / load.pairs) : 1,
          .dispatched = tokens / plan.tp * active,
          .experts = std::max(1.0, count / plan.ep)};
}

double forward_flops(const LayerView& view) {
  double flops = 0;
  for (const Linear& linear : view.layer.linears) {
    double rows = linear.token_share > 0 ? linear.token_share * view.load.tokens : view.samples;
    if (linear.role == LinearRole::expert && view.layer.experts)
      rows = view.load.tokens * static_cast<double>(view.layer.experts->active);
    flops += 2 * rows * static_cast<double>(linear.in) * static_cast<double>(linear.out);
  }
  if (!view.layer.attention || !(view.load.pairs > 0)) return flops;
  const AttentionCore& core = *view.layer.attention;
  return flops + 2 * unmasked_pairs(core, view.load) * static_cast<double>(core.heads * (core.qk_dim + core.v_dim));
}

LayerBytes layer_bytes(const Cluster& cluster, const Layer& layer, const LayerPlan& plan, const LayerLoad& load) {
  if (!(load.tokens > 0)) return {};
  const LayerMemory memory = memory_of(view_of(cluster, layer, plan, load, {}));
  return {memory.kept, memory.transient};
}

LayerCost layer_cost(const Cluster& cluster, const Layer& layer, const LayerPlan& plan, const LayerLoad& load,
                     const ExposedShares& exposed) {
  if (!(load.tokens > 0)) return {};
  const LayerView view = view_of(cluster, layer, plan, load, exposed);
  const PassUs attention = attention_us(view);
  const PassUs communication = communication_us(view);
  PassUs us = products_us(view);
  us += attention;
  us += traffic_us(view);
  us += communication;
  const PassUs count = launches(view);
  const double host = cluster.training.host_us;
  us.forward = std::max(us.forward, host * count.forward);
  us.input_gradient = std::max(us.input_gradient, host * count.input_gradient);
  us.weight_gradient = std::max(us.weight_gradient, host * count.weight_gradient);
  const double again = recompute_us(view, us.forward, attention.forward);
  const LayerMemory memory = memory_of(view);
  LayerCost cost{.forward_us = us.forward,
                 .input_gradient_us = us.input_gradient + again,
                 .weight_gradient_us = us.weight_gradient,
                 .recompute_us = again,
                 .communication_us = communication.forward,
                 .activation_bytes = memory.kept,
                 .transient_bytes = memory.transient,
                 .model_flops = forward_flops(view),
                 .backward_flops = (view.plan.frozen ? 1 : 2) * forward_flops(view)};
  shape_passes(view, communication, cost);
  return cost;
}

}  // namespace bigmac
