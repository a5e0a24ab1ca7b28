// What a step does outside its pipeline: gradients, optimizer, parameters.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "bigmac/cost/kernels.h"
#include "held.h"

namespace bigmac {
namespace {

// Adam in fp32 on one parameter: read gradient, master weight and two moments (16 bytes), write the last three
// and the bf16 weight (14); read the gradient for its norm (4) and clear it (4).
constexpr double kOptimizerTraffic = 38;
constexpr double kFp32 = 4, kBf16 = 2;
// Gradients travel in buckets as they become final; the last bucket has nothing left to hide under
// (Megatron-LM: at most 40 M parameters a bucket, grown with the data-parallel size).
constexpr double kBucketParameters = 40e6;

double us_of(Nanoseconds time) { return 1e-3 * static_cast<double>(time.value); }

// Work of the rank's last backward (or first forward): what the LLM's data-parallel traffic can hide under.
double llm_cover_us(const PlanCosts& costs, std::uint32_t rank, OpKind kind) {
  double cover = 0;
  for (std::uint32_t stage = rank; stage < costs.pipeline.stages(); stage += costs.pipeline.ranks)
    cover +=
        us_of(costs.table
                  .duration[costs.table.slot(kLlm, kind, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{0})]);
  return cover;
}

// The same of an encoder or generator.
double side_cover_us(const PlanCosts& costs, const Held& held, OpKind kind) {
  const StageId stage{static_cast<std::uint16_t>(held.stage)};
  return us_of(costs.table.duration[costs.table.slot(held.module, kind, stage, MicrobatchId{0})]);
}

double collective_of(const Job& job, Collective kind, double bytes, int replicas, int stride) {
  const int in_node = std::clamp(job.cluster->node.gpus / stride, 1, replicas);
  return replicas > 1 ? collective_us(*job.cluster, kind, bytes, replicas, in_node) : 0;
}

/// Data-parallel traffic of one module on one rank, and its optimizer.
struct Traffic {
  double reduce = 0, gather = 0, optimizer = 0, parameters = 0;
};

Traffic traffic_of(const Job& job, const Held& held) {
  Traffic out;
  if (held.frozen) return out;
  const bool distributed = held.distributed;
  const double gradient = job.training.fp32_gradients ? kFp32 : kBf16;
  for (const auto& [whole, holders, stride] : {std::tuple{held.dense, held.dense_replicas, held.dense_stride},
                                               {held.expert, held.expert_replicas, held.expert_stride}}) {
    const double parameters = whole / held.shards;
    const int replicas = std::max(1, holders / held.shards);
    if (parameters <= 0) continue;
    const Collective kind = distributed ? Collective::reduce_scatter : Collective::all_reduce;
    out.reduce += collective_of(job, kind, gradient * parameters, replicas, stride);
    if (distributed) out.gather += collective_of(job, Collective::all_gather, kBf16 * parameters, replicas, stride);
    out.optimizer += elementwise_us(job.cluster->gpu, kOptimizerTraffic * parameters / (distributed ? replicas : 1));
    out.parameters += parameters;
  }
  return out;
}

// Overlapped, traffic hides under `cover` up to its last bucket; whatever is left runs on in the rank's `slack`.
double exposed(const Job& job, double whole_us, double cover, double parameters, double slack) {
  double left = whole_us;
  if (job.training.overlap_gradients) {
    const double last_bucket = whole_us * std::min(1.0, kBucketParameters / std::max(parameters, 1.0));
    left = std::max(whole_us - cover, last_bucket);
  }
  return std::max(0.0, left - slack);
}

// What one module adds on one rank, without the fixed part of a step.
OutsidePipeline outside_of(const Job& job, const PlanCosts& costs, const Held& held, std::uint32_t rank,
                           const RankSlack& slack) {
  const Traffic traffic = traffic_of(job, held);
  const bool llm = held.module == kLlm;
  const auto cover = [&](OpKind kind) {
    return llm ? llm_cover_us(costs, rank, kind) : side_cover_us(costs, held, kind);
  };
  OutsidePipeline out;
  out.gradients_us =
      exposed(job, traffic.reduce, cover(OpKind::backward), traffic.parameters, llm ? slack.after_us : 0);
  out.parameters_us =
      exposed(job, traffic.gather, cover(OpKind::forward), traffic.parameters, llm ? slack.before_us : 0);
  out.optimizer_us = traffic.optimizer;
  return out;
}

OutsidePipeline outside_on_rank(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                const Residency& where, std::uint32_t rank, const RankSlack& slack) {
  OutsidePipeline out;
  for (const Held& held : held_on_rank(job, plan, costs, where, rank)) {
    const OutsidePipeline own = outside_of(job, costs, held, rank, slack);
    out.gradients_us += own.gradients_us;
    out.parameters_us += own.parameters_us;
    out.optimizer_us += own.optimizer_us;
  }
  out.optimizer_us += job.cluster->training.step_us;
  return out;
}

ModuleDemand demand_of(const Job& job, const PlanCosts& costs, const Held& held, std::uint32_t rank) {
  ModuleDemand out;
  add_state(held, out.state);
  out.outside = outside_of(job, costs, held, rank, {});
  return out;
}

}  // namespace

ModuleDemand llm_demand(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, std::uint32_t rank) {
  std::vector<bool> stages(costs.pipeline.stages(), false);
  for (std::uint32_t stage = rank; stage < stages.size(); stage += costs.pipeline.ranks) stages[stage] = true;
  ModuleDemand out = demand_of(job, costs, held_llm(job, plan, costs, stages), rank);
  out.state.buffers = buffer_bytes(costs);
  return out;
}

ModuleDemand side_demand(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, ModuleId module,
                         std::uint32_t stage, std::uint32_t holders) {
  std::vector<Held> parts;
  add_side_stage(job, plan, costs, module, stage, holders, parts);
  ModuleDemand out;
  for (const Held& held : parts) {
    const ModuleDemand part = demand_of(job, costs, held, 0);
    out.state.weights += part.state.weights, out.state.gradients += part.state.gradients;
    out.state.optimizer += part.state.optimizer;
    out.outside.gradients_us += part.outside.gradients_us, out.outside.parameters_us += part.outside.parameters_us;
    out.outside.optimizer_us += part.outside.optimizer_us;
  }
  return out;
}

OutsidePipeline outside_pipeline(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                 const Residency& where, const std::vector<RankSlack>& slack) {
  OutsidePipeline worst;
  for (std::uint32_t rank = 0; rank < costs.pipeline.ranks; ++rank) {
    const OutsidePipeline own =
        outside_on_rank(job, plan, costs, where, rank, slack.empty() ? RankSlack{} : slack[rank]);
    if (own.total_us() > worst.total_us()) worst = own;
  }
  return worst;
}

}  // namespace bigmac
