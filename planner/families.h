// Schedules grouped by what their bounds may count on. Private to the planner.
#pragma once

#include <string>
#include <vector>

#include "bigmac/planner/evaluate.h"

namespace bigmac {

/// Schedules that place encoders and generators alike share their bounds.
struct Family {
  SidePlacement sides;
  bool thorough;        ///< they search while they build
  std::int64_t weight;  ///< what building one operation takes, in units of a search's effort
  std::vector<ScheduleChoice> choices;
};

/// Every schedule named, with the settings worth trying, one parameter at a time; no family is empty. Settings that
/// change little of a schedule that takes no time to build come with those that do.
std::vector<Family> families(const std::vector<std::string>& names, const std::string& base);

/// Schedules too dear for every plan.
std::vector<std::string> refining_schedules();

}  // namespace bigmac
