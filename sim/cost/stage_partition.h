// The LLM's layers over a plan's stages: what partition.h is given for a plan. Private to the cost room.
#pragma once

#include <optional>

#include "bigmac/cost/plan_costs.h"

namespace bigmac {

struct StagePartition {
  Partition first;
  std::vector<std::uint32_t> again;  ///< by stage; empty but for partial recompute
};

/// `costs`: pipeline, LLM profile, encoders and generators are there. `stated`: the layers' stages where the job says
/// so; else the partition whose dearest stage takes least, within each stage's memory where the job has a memory limit
/// and that can be met, else regardless of memory. Throws Error{bad_input} when there are fewer layers than stages.
StagePartition partition_stages(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                const LlmProfiles& llm, std::optional<Partition> stated);

/// Times and bytes of one stage's layers, those that run again as such.
LayerCost stage_cost(const LlmProfiles& llm, const PlanCosts& costs, std::uint32_t stage);

}  // namespace bigmac
