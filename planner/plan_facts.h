// What a plan adds to its schedule file. Private to the planner.
#pragma once

#include "bigmac/planner/evaluate.h"

namespace bigmac {

PlanFacts plan_facts(const Job& job, const PlanCosts& costs, const Evaluation& evaluation, const Schedule& schedule,
                     const Outcome& outcome);

}  // namespace bigmac
