// The builders, one per file under sim/schedule/. registry.cpp lists them; call build_schedule().
#pragma once

#include "bigmac/schedule/registry.h"

namespace bigmac {

Schedule build_gpipe(const ScheduleRequest&);
Schedule build_one_f_one_b(const ScheduleRequest&);
Schedule build_interleaved(const ScheduleRequest&);
Schedule build_naive(const ScheduleRequest&);
Schedule build_upfront(const ScheduleRequest&);
Schedule build_bigmac(const ScheduleRequest&);

}  // namespace bigmac
