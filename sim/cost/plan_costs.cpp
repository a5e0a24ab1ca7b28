#include "bigmac/cost/plan_costs.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include <fmt/format.h>

#include "bigmac/base/error.h"
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

double fill_side(const Job& job, const ParallelPlan& plan, PlanCosts& out, ModuleId id, const SideCosts& side) {
  double flops = 0;
  for (std::uint32_t m = 0; m < out.pipeline.microbatches; ++m) {
    if (m == 0 || out.table.modules[id].per_microbatch != 0) {
      fill_pass(out.table, id, StageId{0}, MicrobatchId{m}, side.by_microbatch[m],
                {transfer_of(job, plan, side.transfer_bytes[m]), transfer_of(job, plan, side.transfer_bytes[m]), true});
      if (out.pipeline.modules[id].role == Role::encoder)
        fill_rides(out.table, id, StageId{0}, MicrobatchId{m}, side.by_microbatch[m]);
    }
    flops += side.by_microbatch[m].model_flops + side.by_microbatch[m].backward_flops;
  }
  return flops;
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
                     std::vector<SharedSide> encoders, std::vector<SharedSide> generators, StageList listed) {
  if (plan.one_list != OneList::no && !(encoders.empty() && generators.empty()))
    return one_list_costs(job, plan, microbatches, std::move(profiles.layers), std::move(encoders),
                          std::move(generators), std::move(listed));
  PlanCosts out;
  out.pipeline = make_pipeline(plan.pp, plan.vpp, microbatches, names_of(job.model->encoders),
                               names_of(job.model->generators), "parallel");
  for (std::size_t i = 0; i < out.pipeline.encoders.size(); ++i)
    out.pipeline.modules[out.pipeline.encoders[i]].backward = trained_layers(job, Role::encoder, i).any_backward();
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
    side_flops += fill_side(job, plan, out, out.pipeline.encoders[i], *out.encoders[i]);
  for (std::size_t i = 0; i < out.generators.size(); ++i)
    side_flops += fill_side(job, plan, out, out.pipeline.generators[i], *out.generators[i]);
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
