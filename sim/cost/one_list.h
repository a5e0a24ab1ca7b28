// A plan's costs with every layer in one list. Private to the cost room.
#pragma once

#include "bigmac/cost/plan_costs.h"

namespace bigmac {

/// What plan_costs gives for a plan with `one_list`: a pipeline of the LLM's name alone, whose stages hold runs of
/// encoder, LLM and generator layers, and may cost something else for each microbatch.
PlanCosts one_list_costs(const Job& job, const ParallelPlan& plan, std::int64_t microbatches, SharedProfile llm,
                         std::vector<SharedSide> encoders, std::vector<SharedSide> generators, const PlanCosts* as_cut);

/// Whether any of the first `microbatches` rows of a side differs from the first one's.
bool varies(const SideCosts& side, std::uint32_t microbatches);

}  // namespace bigmac
