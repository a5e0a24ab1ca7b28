// The builders, one per file under sim/schedule/. registry.cpp lists them; call build_schedule().
#pragma once

#include "bigmac/schedule/registry.h"

namespace bigmac {

/// The base that request.base names, alone: one row of the registry for each base.
Schedule build_base_alone(const ScheduleRequest&);
Schedule build_naive(const ScheduleRequest&);
Schedule build_upfront(const ScheduleRequest&);
Schedule build_bigmac(const ScheduleRequest&);
Schedule build_balanced(const ScheduleRequest&);
Schedule build_disaggregated(const ScheduleRequest&);
Schedule build_optimus(const ScheduleRequest&);
Schedule build_hybrid(const ScheduleRequest&);

}  // namespace bigmac
