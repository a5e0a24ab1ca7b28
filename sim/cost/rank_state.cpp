// Model state, and what a step does outside its pipeline.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "bigmac/cost/kernels.h"
#include "bigmac/cost/plan_costs.h"

namespace bigmac {
namespace {

// Send and receive, forward and backward, of one boundary tensor each (Megatron-LM's p2p buffers).
constexpr double kBoundaryBuffers = 4;
// Adam in fp32 on one parameter: read gradient, master weight and two moments (16 bytes), write the last three
// and the bf16 weight (14); read the gradient for its norm (4) and clear it (4).
constexpr double kOptimizerTraffic = 38;
constexpr double kFp32 = 4, kBf16 = 2;
// Gradients travel in buckets as they become final; the last bucket has nothing left to hide under
// (Megatron-LM: at most 40 M parameters a bucket, grown with the data-parallel size).
constexpr double kBucketParameters = 40e6;

/// What one GPU of a rank holds of one module.
struct Held {
  double dense = 0, expert = 0;  // parameters
  int dense_replicas = 1, expert_replicas = 1;
  int dense_stride = 1, expert_stride = 1;  // GPUs from one copy to the next: tp, cp, dp, pp from the inside out
  int shards = 1;                           // GPUs that share one copy of weights and gradients
  bool frozen = false;
  bool distributed = true;  // optimizer state sharded over the copies
  ModuleId module = kLlm;
};

bool shards_optimizer(const Job& job, const ParallelPlan& plan) {
  return job.training.distributed_optimizer && plan.shard_optimizer;
}

Held held_llm(const Job& job, const ParallelPlan& plan) {
  Held held;
  held.distributed = shards_optimizer(job, plan);
  held.dense_replicas = plan.dp * plan.cp;
  held.expert_replicas = std::max(1, plan.dp * plan.cp * plan.tp / plan.ep);
  held.dense_stride = plan.tp;
  held.expert_stride = plan.ep;
  held.frozen = job.training.freeze_llm;
  return held;
}

Held held_llm(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const std::vector<bool>& stages) {
  Held held = held_llm(job, plan);
  for (std::uint32_t stage = 0; stage < stages.size(); ++stage) {
    if (!stages[stage]) continue;
    for (std::uint32_t i = costs.partition[stage]; i < costs.partition[stage + 1]; ++i) {
      held.dense += costs.llm->parameters[i].dense;
      held.expert += costs.llm->parameters[i].expert;
    }
  }
  return held;
}

/// The trained layers of an encoder or generator, or its frozen ones.
Held held_side(const Job& job, const ParallelPlan& plan, const SideCosts& side, int tp, int ranks, bool frozen) {
  Held held;
  held.distributed = shards_optimizer(job, plan);
  for (std::size_t i = 0; i < side.parameters.size(); ++i) {
    if (side.trained[i] == frozen) continue;
    held.dense += side.parameters[i].dense;
    held.expert += side.parameters[i].expert;
  }
  held.dense_replicas = held.expert_replicas = std::max(1, plan.dp * ranks * plan.rank_gpus() / tp);
  held.shards = std::min(shard_group(job, plan, tp), held.dense_replicas);
  held.dense_stride = held.expert_stride = tp * held.shards;
  held.frozen = frozen;
  return held;
}

// Encoder and generator layers that stand in the rank's stages.
void add_listed(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const std::vector<bool>& stages,
                std::vector<Held>& held) {
  const auto add = [&](Role role, std::size_t index, const SideCosts& side, int tp) {
    SideCosts part;
    for (std::uint32_t stage = 0; stage < stages.size(); ++stage)
      for (const ListedLayers& run : costs.listed[stage])
        for (std::uint32_t i = run.first; stages[stage] && run.role == role && run.index == index && i < run.last;
             ++i) {
          part.parameters.push_back(side.parameters[i]);
          part.trained.push_back(side.trained[i]);
        }
    for (const bool frozen : {false, true})
      if (std::find(part.trained.begin(), part.trained.end(), !frozen) != part.trained.end())
        held.push_back(held_side(job, plan, part, tp, 1, frozen));
  };
  for (std::size_t i = 0; i < costs.encoders.size(); ++i) add(Role::encoder, i, *costs.encoders[i], plan.encoder_tp);
  for (std::size_t i = 0; i < costs.generators.size(); ++i)
    add(Role::generator, i, *costs.generators[i], plan.generator_tp);
}

void add_state(const Held& held, RankState& state) {
  const auto add = [&](double parameters, int replicas) {
    const StateBytes bytes = state_bytes(parameters, held.distributed ? replicas : 1, held.frozen);
    state.weights += bytes.weights / held.shards;
    state.gradients += bytes.gradients / held.shards;
    state.optimizer += bytes.optimizer / (held.distributed ? 1 : held.shards);
  };
  add(held.dense, held.dense_replicas);
  add(held.expert, held.expert_replicas);
}

int ranks_holding(const Residency& where, ModuleId module) {
  int count = 0;
  for (const auto& rank : where.modules) count += rank[module.value] ? 1 : 0;
  return count;
}

std::vector<Held> held_on_rank(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const Residency& where,
                               std::uint32_t rank) {
  std::vector<Held> held = {held_llm(job, plan, costs, where.stages[rank])};
  if (!costs.listed.empty()) {
    add_listed(job, plan, costs, where.stages[rank], held);
    return held;
  }
  const auto add = [&](ModuleId id, const SideCosts& side, int tp) {
    if (!where.modules[rank][id.value]) return;
    for (const bool frozen : {false, true}) {
      if (std::find(side.trained.begin(), side.trained.end(), !frozen) == side.trained.end()) continue;
      held.push_back(held_side(job, plan, side, tp, ranks_holding(where, id), frozen));
      held.back().module = id;
    }
  };
  for (std::size_t i = 0; i < costs.encoders.size(); ++i)
    add(costs.pipeline.encoders[i], *costs.encoders[i], plan.encoder_tp);
  for (std::size_t i = 0; i < costs.generators.size(); ++i)
    add(costs.pipeline.generators[i], *costs.generators[i], plan.generator_tp);
  return held;
}

}  // namespace

double buffer_bytes(const PlanCosts& costs) {
  if (costs.pipeline.ranks == 1) return 0;
  double bytes = kBoundaryBuffers * costs.llm->transfer_bytes;
  for (const auto* sides : {&costs.encoders, &costs.generators})
    for (const SharedSide& side : *sides) {
      const auto first = side->transfer_bytes.begin();
      bytes += kBoundaryBuffers * *std::max_element(first, first + costs.pipeline.microbatches);
    }
  return bytes;
}

namespace {

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
double side_cover_us(const PlanCosts& costs, ModuleId module, OpKind kind) {
  return us_of(costs.table.duration[costs.table.slot(module, kind, StageId{0}, MicrobatchId{0})]);
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
    return llm ? llm_cover_us(costs, rank, kind) : side_cover_us(costs, held.module, kind);
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

Residency default_residency(const Pipeline& pipeline, SidePlacement sides) {
  Residency out;
  out.stages.assign(pipeline.ranks, std::vector<bool>(pipeline.stages(), false));
  out.modules.assign(pipeline.ranks, std::vector<bool>(pipeline.modules.size(), false));
  // Spread, microbatch m is rank m mod P's: where there are fewer microbatches than ranks the last ranks have none.
  if (sides == SidePlacement::every_rank)
    for (std::uint32_t rank = 0; rank < std::min(pipeline.ranks, pipeline.microbatches); ++rank)
      out.modules[rank].assign(pipeline.modules.size(), true);
  for (std::uint32_t stage = 0; stage < pipeline.stages(); ++stage) out.stages[stage % pipeline.ranks][stage] = true;
  for (auto& rank : out.modules) rank[kLlm.value] = true;
  if (sides == SidePlacement::every_rank) return out;
  if (sides != SidePlacement::first_and_last) return out;
  for (const ModuleId encoder : pipeline.encoders) out.modules.front()[encoder.value] = true;
  for (const ModuleId generator : pipeline.generators) out.modules.back()[generator.value] = true;
  return out;
}

std::vector<RankState> rank_states(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                   const Residency& where) {
  std::vector<RankState> states(costs.pipeline.ranks);
  for (std::uint32_t rank = 0; rank < costs.pipeline.ranks; ++rank) {
    for (const Held& held : held_on_rank(job, plan, costs, where, rank)) add_state(held, states[rank]);
    states[rank].buffers = buffer_bytes(costs);
  }
  return states;
}

std::vector<double> llm_layer_states(const Job& job, const ParallelPlan& plan, const ModuleProfile& llm) {
  std::vector<double> out;
  Held held = held_llm(job, plan);
  for (const LayerParameters& layer : llm.parameters) {
    held.dense = layer.dense, held.expert = layer.expert;
    RankState state;
    add_state(held, state);
    out.push_back(state.total());
  }
  return out;
}

ModuleDemand llm_demand(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, std::uint32_t rank) {
  std::vector<bool> stages(costs.pipeline.stages(), false);
  for (std::uint32_t stage = rank; stage < stages.size(); stage += costs.pipeline.ranks) stages[stage] = true;
  ModuleDemand out = demand_of(job, costs, held_llm(job, plan, costs, stages), rank);
  out.state.buffers = buffer_bytes(costs);
  return out;
}

ModuleDemand side_demand(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, ModuleId module,
                         std::uint32_t holders) {
  const auto encoder = std::find(costs.pipeline.encoders.begin(), costs.pipeline.encoders.end(), module);
  const bool is_encoder = encoder != costs.pipeline.encoders.end();
  const auto generator = std::find(costs.pipeline.generators.begin(), costs.pipeline.generators.end(), module);
  const SideCosts& side =
      is_encoder ? *costs.encoders[static_cast<std::size_t>(encoder - costs.pipeline.encoders.begin())]
                 : *costs.generators[static_cast<std::size_t>(generator - costs.pipeline.generators.begin())];
  ModuleDemand out;
  for (const bool frozen : {false, true}) {
    if (std::find(side.trained.begin(), side.trained.end(), !frozen) == side.trained.end()) continue;
    Held held =
        held_side(job, plan, side, is_encoder ? plan.encoder_tp : plan.generator_tp, static_cast<int>(holders), frozen);
    held.module = module;
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
