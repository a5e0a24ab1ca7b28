// What the GPUs of a rank hold of each module: what model state and data-parallel traffic follow from. Private to the
// cost room.
#pragma once

#include <vector>

#include "bigmac/cost/plan_costs.h"

namespace bigmac {

/// What one GPU of a rank holds of one module.
struct Held {
  double dense = 0, expert = 0;  // parameters
  int dense_replicas = 1, expert_replicas = 1;
  int dense_stride = 1, expert_stride = 1;  // GPUs from one copy to the next: tp, cp, dp, pp from the inside out
  int shards = 1;                           // GPUs that share one copy of weights and gradients
  bool frozen = false;
  bool distributed = true;  // optimizer state sharded over the copies
  ModuleId module = kLlm;
  std::uint32_t stage = 0;  // of an encoder
};

/// LLM layers without their parameters: those are added by who knows which.
Held held_llm(const Job& job, const ParallelPlan& plan);
/// The LLM's layers in these stages.
Held held_llm(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const std::vector<bool>& stages);

/// One stage of an encoder or generator that `holders` ranks hold: its trained layers and its frozen ones, as far as
/// there are any, are added to `held`.
void add_side_stage(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, ModuleId id, std::uint32_t stage,
                    std::uint32_t holders, std::vector<Held>& held);

/// Everything on a rank.
std::vector<Held> held_on_rank(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const Residency& where,
                               std::uint32_t rank);

/// Adds the bytes of weights, gradients and optimizer.
void add_state(const Held& held, RankState& state);

}  // namespace bigmac
