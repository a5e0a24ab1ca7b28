#include "bigmac/cost/plan_costs.h"

#include <algorithm>
#include <cmath>

namespace bigmac {
namespace {

Nanoseconds rounded_ns(double microseconds) { return Nanoseconds{std::llround(1e3 * microseconds)}; }
Bytes rounded_bytes(double bytes) { return Bytes{std::llround(bytes)}; }

/// Writes the rows of one pass: F, I, W, B = I + W, R.
void fill_pass(CostTable& table, ModuleId module, StageId stage, MicrobatchId microbatch, const LayerCost& cost,
               double transfer_us) {
  const Nanoseconds forward = rounded_ns(cost.forward_us), input = rounded_ns(cost.input_gradient_us),
                    weight = rounded_ns(cost.weight_gradient_us);
  const auto write = [&](OpKind kind, Nanoseconds duration, bool holds_transient) {
    const std::uint32_t slot = table.slot(module, kind, stage, microbatch);
    table.duration[slot] = duration;
    table.transfer[slot] = rounded_ns(transfer_us);
    table.transient[slot] = holds_transient ? rounded_bytes(cost.transient_bytes) : Bytes{0};
  };
  write(OpKind::forward, forward, true);
  write(OpKind::backward, input + weight, true);
  write(OpKind::input_gradient, input, true);
  write(OpKind::weight_gradient, weight, false);
  write(OpKind::recompute, rounded_ns(cost.recompute_us), true);
  table.activation[table.slot(module, OpKind::forward, stage, microbatch)] = rounded_bytes(cost.activation_bytes);
}

LayerCost stage_sum(const std::vector<LayerCost>& layers, std::uint32_t first, std::uint32_t last) {
  LayerCost sum;
  for (std::uint32_t i = first; i < last; ++i) {
    sum.forward_us += layers[i].forward_us;
    sum.input_gradient_us += layers[i].input_gradient_us;
    sum.weight_gradient_us += layers[i].weight_gradient_us;
    sum.recompute_us += layers[i].recompute_us;
    sum.activation_bytes += layers[i].activation_bytes;
    sum.transient_bytes = std::max(sum.transient_bytes, layers[i].transient_bytes);
    sum.model_flops += layers[i].model_flops;
  }
  return sum;
}

std::vector<std::string> names_of(const std::vector<Module>& modules) {
  std::vector<std::string> names;
  for (const Module& module : modules) names.push_back(module.name);
  return names;
}

bool varies(const SideCosts& side, std::uint32_t microbatches) {
  const auto& costs = side.by_microbatch;
  return std::any_of(costs.begin(), costs.begin() + microbatches, [&](const LayerCost& c) {
    return c.forward_us != costs[0].forward_us || c.activation_bytes != costs[0].activation_bytes;
  });
}

double fill_side(PlanCosts& out, ModuleId id, const SideCosts& side, bool frozen) {
  double flops = 0;
  for (std::uint32_t m = 0; m < out.pipeline.microbatches; ++m) {
    if (m == 0 || out.table.modules[id].per_microbatch != 0)
      fill_pass(out.table, id, StageId{0}, MicrobatchId{m}, side.by_microbatch[m], side.transfer_us);
    flops += side.by_microbatch[m].model_flops * (frozen ? 1 : 3);
  }
  return flops;
}

}  // namespace

PlanCosts plan_costs(const Job& job, const ParallelPlan& plan, std::int64_t microbatches, SharedProfile llm,
                     std::vector<SharedSide> encoders, std::vector<SharedSide> generators) {
  PlanCosts out;
  out.pipeline = make_pipeline(plan.pp, plan.vpp, microbatches, names_of(job.model->encoders),
                               names_of(job.model->generators), "parallel");
  const std::uint32_t count = out.pipeline.microbatches;
  out.partition = partition_layers(llm->layers, out.pipeline.stages());
  std::vector<bool> per_microbatch = {false};
  for (const SharedSide& side : encoders) per_microbatch.push_back(varies(*side, count));
  for (const SharedSide& side : generators) per_microbatch.push_back(varies(*side, count));
  out.table = make_cost_table(out.pipeline, per_microbatch);
  for (std::uint32_t stage = 0; stage < out.pipeline.stages(); ++stage) {
    const LayerCost sum = stage_sum(llm->layers, out.partition[stage], out.partition[stage + 1]);
    fill_pass(out.table, kLlm, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{0}, sum, llm->transfer_us);
    out.model_flops += 3 * sum.model_flops * count;
  }
  for (std::size_t i = 0; i < encoders.size(); ++i)
    out.model_flops += fill_side(out, out.pipeline.encoders[i], *encoders[i], job.training.freeze_encoder);
  for (std::size_t i = 0; i < generators.size(); ++i)
    out.model_flops += fill_side(out, out.pipeline.generators[i], *generators[i], false);
  out.llm = std::move(llm);
  out.encoders = std::move(encoders);
  out.generators = std::move(generators);
  return out;
}

}  // namespace bigmac
