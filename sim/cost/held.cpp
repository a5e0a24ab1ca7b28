#include "held.h"

#include <algorithm>

namespace bigmac {
namespace {

bool shards_optimizer(const Job& job, const ParallelPlan& plan) {
  return job.training.distributed_optimizer && plan.shard_optimizer;
}

/// [first, last) of a module.
struct Layers {
  std::uint32_t first = 0, last = 0;
};

bool any_trained(const SideCosts& side, Layers layers, bool trained) {
  const auto begin = side.trained.begin() + layers.first, end = side.trained.begin() + layers.last;
  return std::find(begin, end, trained) != end;
}

/// The trained layers of a stage of an encoder or generator, or its frozen ones.
Held held_side(const Job& job, const ParallelPlan& plan, const SideCosts& side, Layers layers, int tp,
               std::uint32_t ranks, bool frozen) {
  Held held;
  held.distributed = shards_optimizer(job, plan);
  for (std::uint32_t i = layers.first; i < layers.last; ++i) {
    if (side.trained[i] == frozen) continue;
    held.dense += side.parameters[i].dense;
    held.expert += side.parameters[i].expert;
  }
  held.dense_replicas = held.expert_replicas = std::max(1, plan.dp * static_cast<int>(ranks) * plan.rank_gpus() / tp);
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
    const Layers all{0, static_cast<std::uint32_t>(part.trained.size())};
    for (const bool frozen : {false, true})
      if (any_trained(part, all, !frozen)) held.push_back(held_side(job, plan, part, all, tp, 1, frozen));
  };
  for (std::size_t i = 0; i < costs.encoders.size(); ++i) add(Role::encoder, i, *costs.encoders[i], plan.encoder_tp);
  for (std::size_t i = 0; i < costs.generators.size(); ++i)
    add(Role::generator, i, *costs.generators[i], plan.generator_tp);
}

}  // namespace

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

void add_side_stage(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, ModuleId id, std::uint32_t stage,
                    std::uint32_t holders, std::vector<Held>& held) {
  const bool encoder = costs.pipeline.modules[id].role == Role::encoder;
  const std::vector<ModuleId>& ids = encoder ? costs.pipeline.encoders : costs.pipeline.generators;
  const auto index = static_cast<std::size_t>(std::find(ids.begin(), ids.end(), id) - ids.begin());
  const SideCosts& whole = encoder ? *costs.encoders[index] : *costs.generators[index];
  const Partition cut =
      encoder ? costs.encoder_cuts[index] : Partition{0, static_cast<std::uint32_t>(whole.parameters.size())};
  const Layers own{cut[stage], cut[stage + 1]};
  for (const bool frozen : {false, true}) {
    if (!any_trained(whole, own, !frozen)) continue;
    held.push_back(held_side(job, plan, whole, own, encoder ? plan.encoder_tp : plan.generator_tp, holders, frozen));
    held.back().module = id, held.back().stage = stage;
  }
}

std::vector<Held> held_on_rank(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const Residency& where,
                               std::uint32_t rank) {
  const std::vector<bool>& llm = where.stages[rank][kLlm];
  std::vector<Held> held = {held_llm(job, plan, costs, llm)};
  if (!costs.listed.empty()) {
    add_listed(job, plan, costs, llm, held);
    return held;
  }
  for (const auto* modules : {&costs.pipeline.encoders, &costs.pipeline.generators})
    for (const ModuleId id : *modules)
      for (std::uint32_t stage = 0; stage < costs.pipeline.modules[id].stages; ++stage)
        if (where.stages[rank][id][stage]) add_side_stage(job, plan, costs, id, stage, where.holders(id, stage), held);
  return held;
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

}  // namespace bigmac
