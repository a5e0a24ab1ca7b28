// When each rank of a timed schedule is done with LLM weights. Private to the planner.
#pragma once

#include <vector>

#include "bigmac/cost/plan_costs.h"
#include "bigmac/report/outcome.h"

namespace bigmac {

/// By rank: time to its first LLM operation, and from its last one to the end of the pipeline. A rank without any: all.
std::vector<RankSlack> llm_slack(const Pipeline& pipeline, const Schedule& schedule, const Outcome& outcome);

}  // namespace bigmac
