#include "bigmac/cost/plan_costs.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "encoder_stages.h"
#include "one_list.h"
#include "pass_rows.h"
#include "stage_partition.h"

namespace bigmac {
namespace {

// Transformer layers as the job cuts them; what stands before them goes to the first stage, what follows to the last.
Partition stated_partition(const Job& job, std::uint32_t stages) {
  const Training& training = job.training;
  const std::vector<Layer>& layers = job.model->llm.layers;
  const auto is_body = [](const Layer& layer) { return layer.kind == LayerKind::transformer; };
  const auto first = std::find_if(layers.begin(), layers.end(), is_body) - layers.begin();
  const auto count = std::count_if(layers.begin(), layers.end(), is_body);
  std::vector<std::int64_t> shares = training.stage_layers;
  if (shares.empty() && count % stages == 0) shares.assign(stages, count / stages);
  if (shares.size() != stages || std::accumulate(shares.begin(), shares.end(), std::int64_t{0}) != count)
    bad_input("training", fmt::format("{} transformer layers do not fill {} stages as 'even_stages' or 'stage_layers' "
                                      "say; expected a share for each stage and {} in all",
                                      count, stages, count));
  Partition begin{0};
  auto next = static_cast<std::uint32_t>(first);
  for (const std::int64_t share : shares) begin.push_back(next += static_cast<std::uint32_t>(share));
  begin.back() = static_cast<std::uint32_t>(layers.size());
  return begin;
}

std::vector<std::string> names_of(const std::vector<Module>& modules) {
  std::vector<std::string> names;
  for (const Module& module : modules) names.push_back(module.name);
  return names;
}

/// A stage's rows for one microbatch: between stages a layer's output travels, to the LLM the module's. A table has one
/// transfer for what a stage sends either way.
void fill_side_stage(const Job& job, const ParallelPlan& plan, CostTable& table, ModuleId id, const SideCosts& side,
                     const Partition& cut, std::uint32_t stage, std::uint32_t m) {
  const StageId at{static_cast<std::uint16_t>(stage)};
  const double inner = cut.size() > 2 ? transfer_of(job, plan, side.inner_bytes[m]) : 0;
  const double sent = stage + 2 < cut.size() ? inner : std::max(inner, transfer_of(job, plan, side.transfer_bytes[m]));
  fill_pass(table, id, at, MicrobatchId{m}, encoder_stage_cost(side, cut, stage, m), {sent, sent, true});
}

double fill_side(const Job& job, const ParallelPlan& plan, PlanCosts& out, ModuleId id, const SideCosts& side,
                 const Partition& cut) {
  double flops = 0;
  const bool encoder = out.pipeline.modules[id].role == Role::encoder;
  for (std::uint32_t m = 0; m < out.pipeline.microbatches; ++m) {
    flops += side.by_microbatch[m].model_flops + side.by_microbatch[m].backward_flops;
    if (m > 0 && out.table.modules[id].per_microbatch == 0) continue;
    for (std::uint32_t stage = 0; stage + 1 < cut.size(); ++stage) {
      fill_side_stage(job, plan, out.table, id, side, cut, stage, m);
      if (encoder)
        fill_rides(out.table, id, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{m},
                   encoder_stage_cost(side, cut, stage, m));
    }
  }
  return flops;
}

/// Pipeline and encoder cuts, before any cost.
void shape_modules(const Job& job, const ParallelPlan& plan, std::int64_t microbatches,
                   const std::vector<SharedSide>& encoders, const PlanCosts* as_cut, PlanCosts& out) {
  out.pipeline = make_pipeline(plan.pp, plan.vpp, microbatches, names_of(job.model->encoders),
                               names_of(job.model->generators), "parallel");
  for (std::size_t i = 0; i < out.pipeline.encoders.size(); ++i) {
    ModuleShape& shape = out.pipeline.modules[out.pipeline.encoders[i]];
    shape.backward = trained_layers(job, Role::encoder, i).any_backward();
    shape.stages = static_cast<std::uint32_t>(plan.encoder_pp);
    out.encoder_cuts.push_back(as_cut != nullptr ? as_cut->encoder_cuts[i]
                                                 : encoder_cut(*encoders[i], out.pipeline.microbatches, shape.stages));
  }
}

}  // namespace

bool varies(const SideCosts& side, std::uint32_t microbatches) {
  const auto row = [&](std::uint32_t m) {
    const LayerCost& c = side.by_microbatch[m];
    return std::tuple(c.forward_us, c.input_gradient_us, c.weight_gradient_us, c.activation_bytes, c.transient_bytes,
                      side.transfer_bytes[m]);
  };
  for (std::uint32_t m = 1; m < microbatches; ++m)
    if (row(m) != row(0)) return true;
  return false;
}

PlanCosts plan_costs(const Job& job, const ParallelPlan& plan, std::int64_t microbatches, LlmProfiles profiles,
                     std::vector<SharedSide> encoders, std::vector<SharedSide> generators, const PlanCosts* as_cut) {
  if (plan.one_list != OneList::no && !(encoders.empty() && generators.empty()))
    return one_list_costs(job, plan, microbatches, std::move(profiles.layers), std::move(encoders),
                          std::move(generators), as_cut);
  PlanCosts out;
  shape_modules(job, plan, microbatches, encoders, as_cut, out);
  const std::uint32_t count = out.pipeline.microbatches;
  const SharedProfile llm = profiles.layers;
  out.llm = llm;
  std::vector<bool> per_microbatch = {false};
  for (const SharedSide& side : encoders) per_microbatch.push_back(varies(*side, count));
  for (const SharedSide& side : generators) per_microbatch.push_back(varies(*side, count));
  out.table = make_cost_table(out.pipeline, per_microbatch);
  if (plan.tp > 1 && !encoders.empty()) out.table.rides.resize(out.table.size());
  out.encoders = std::move(encoders);
  out.generators = std::move(generators);
  double side_flops = 0;
  for (std::size_t i = 0; i < out.encoders.size(); ++i)
    side_flops += fill_side(job, plan, out, out.pipeline.encoders[i], *out.encoders[i], out.encoder_cuts[i]);
  for (std::size_t i = 0; i < out.generators.size(); ++i)
    side_flops += fill_side(job, plan, out, out.pipeline.generators[i], *out.generators[i],
                            {0, static_cast<std::uint32_t>(out.generators[i]->kind.size())});
  const bool stated = job.training.even_stages || !job.training.stage_layers.empty();
  StagePartition cut = partition_stages(
      job, plan, out, profiles, stated ? std::optional(stated_partition(job, out.pipeline.stages())) : std::nullopt);
  out.partition = std::move(cut.first);
  out.again = std::move(cut.again);
  for (std::uint32_t stage = 0; stage < out.pipeline.stages(); ++stage) {
    const LayerCost sum = stage_cost(profiles, out, stage);
    const double transfer = llm_transfer(job, plan, llm->transfer_bytes);
    const bool overlap = job.training.overlap_transfers;
    const Handover handover{overlap || stage + 1 < out.pipeline.stages() ? transfer : 0,
                            overlap || stage > 0 ? transfer : 0, overlap};
    fill_pass(out.table, kLlm, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{0}, sum, handover);
    fill_rides(out.table, kLlm, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{0}, sum);
    out.model_flops += (sum.model_flops + sum.backward_flops) * count;
  }
  out.model_flops += side_flops;
  refuse_overflow(out);
  return out;
}

}  // namespace bigmac
