// What a plan adds to its schedule file. Private to the planner.
#pragma once

#include "bigmac/planner/evaluate.h"

namespace bigmac {

/// "one_list" in a plan file: how the one list of layers was cut (OneList).
inline constexpr const char* kListByTime = "by time";
inline constexpr const char* kListByFlops = "by FLOPs";

PlanFacts plan_facts(const Job& job, const PlanCosts& costs, const Evaluation& evaluation, const Schedule& schedule,
                     const Outcome& outcome);

}  // namespace bigmac
