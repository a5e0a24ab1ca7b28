// Which rank holds which weights, read off a schedule: a rank holds what its operations use.
#pragma once

#include "bigmac/cost/plan_costs.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

Residency residency(const Pipeline& pipeline, const Schedule& schedule);

}  // namespace bigmac
