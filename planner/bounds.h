// Private to the planner: parts of quick_bounds().
#pragma once

#include <vector>

#include "bigmac/planner/evaluate.h"

namespace bigmac {

/// For SidePlacement::one_list; empty where the plan's layers cannot stand in one list. `apart`: the costs of the plan
/// with its modules apart.
std::vector<QuickBound> list_bounds(const Job& job, const ParallelPlan& plan, const PlanCosts& apart);

}  // namespace bigmac
