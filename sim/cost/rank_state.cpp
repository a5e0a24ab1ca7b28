// Model state by rank.
#include <algorithm>
#include <cmath>

#include "held.h"

namespace bigmac {
namespace {

// Send and receive, forward and backward, of one boundary tensor each (Megatron-LM's p2p buffers).
constexpr double kBoundaryBuffers = 4;

double most_of(const std::vector<double>& bytes, std::uint32_t microbatches) {
  return *std::max_element(bytes.begin(), bytes.begin() + microbatches);
}

Bytes rounded_up(double bytes) { return Bytes{static_cast<std::int64_t>(std::ceil(bytes))}; }

}  // namespace

double buffer_bytes(const PlanCosts& costs) {
  if (costs.pipeline.ranks == 1) return 0;
  double bytes = kBoundaryBuffers * costs.llm->transfer_bytes;
  for (const auto* sides : {&costs.encoders, &costs.generators})
    for (const SharedSide& side : *sides)
      bytes += kBoundaryBuffers * most_of(side->transfer_bytes, costs.pipeline.microbatches);
  if (costs.pipeline.encoder_stages() > 1)
    for (const SharedSide& side : costs.encoders)
      bytes += kBoundaryBuffers * most_of(side->inner_bytes, costs.pipeline.microbatches);
  return bytes;
}

bool Residency::holds(std::uint32_t rank, ModuleId module) const {
  const std::vector<bool>& own = stages[rank][module];
  return std::find(own.begin(), own.end(), true) != own.end();
}

std::uint32_t Residency::holders(ModuleId module, std::uint32_t stage) const {
  return static_cast<std::uint32_t>(
      std::count_if(stages.begin(), stages.end(), [&](const auto& rank) { return rank[module][stage]; }));
}

Residency nowhere(const Pipeline& pipeline) {
  IdVector<ModuleId, std::vector<bool>> nothing;
  for (const ModuleShape& shape : pipeline.modules) nothing.items.emplace_back(shape.stages, false);
  return {std::vector(pipeline.ranks, nothing)};
}

Residency default_residency(const Pipeline& pipeline, SidePlacement sides) {
  Residency out = nowhere(pipeline);
  for (std::uint32_t stage = 0; stage < pipeline.stages(); ++stage)
    out.stages[stage % pipeline.ranks][kLlm][stage] = true;
  // Spread, microbatch m is rank m mod P's: where there are fewer microbatches than ranks the last ranks have none.
  const bool spread = sides == SidePlacement::every_rank;
  if (!spread && sides != SidePlacement::first_and_last) return out;
  for (std::uint32_t rank = 0; spread && rank < std::min(pipeline.ranks, pipeline.microbatches); ++rank)
    for (std::size_t id = 1; id < pipeline.modules.size(); ++id) {
      const ModuleId module{static_cast<std::uint8_t>(id)};
      out.stages[rank][module][rank % pipeline.modules[module].stages] = true;
    }
  if (spread) return out;
  for (const ModuleId encoder : pipeline.encoders)
    out.stages.front()[encoder].assign(pipeline.modules[encoder].stages, true);
  for (const ModuleId generator : pipeline.generators) out.stages.back()[generator][0] = true;
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

std::vector<HeldBytes> held_bytes(const Job& job, const ParallelPlan& plan, const PlanCosts& costs) {
  const bool sharded = job.training.distributed_optimizer && plan.shard_optimizer;
  double sides = 0, shared = 0;
  for (const auto* modules : {&costs.pipeline.encoders, &costs.pipeline.generators})
    for (const ModuleId module : *modules) {
      double weights = 0, optimizer = 0;
      for (std::uint32_t stage = 0; stage < costs.pipeline.modules[module].stages; ++stage) {
        const RankState state = side_demand(job, plan, costs, module, stage, 1).state;
        weights = std::max(weights, state.weights + state.gradients);
        optimizer = std::max(optimizer, state.optimizer);
      }
      sides += weights;
      (sharded ? shared : sides) += optimizer;
    }
  std::vector<HeldBytes> out;
  for (std::uint32_t rank = 0; rank < costs.pipeline.ranks; ++rank) {
    out.push_back(
        {rounded_up(llm_demand(job, plan, costs, rank).state.total()), rounded_up(sides), rounded_up(shared)});
  }
  return out;
}

}  // namespace bigmac
