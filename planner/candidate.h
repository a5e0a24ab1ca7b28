// One plan under one family of schedules, bounded but not built. Private to the planner.
#pragma once

#include "units.h"

namespace bigmac {

struct Candidate {
  Unit unit;
  std::vector<QuickBound> corners;  ///< within the memory limit; all of them where none is
  QuickBound bound;                 ///< the least step and the least memory of the corners
  std::int64_t variants = 1;        ///< choices of its family
  std::int64_t work = 0;            ///< what building all its schedules takes, in units of effort
  bool first = false;               ///< its plan is what the job begins with
};

}  // namespace bigmac
