// When would these orders end? Private to the schedule room: builders that choose between orders ask it.
//
// The rule is the engine's (engine/timing.h); the engine stands to the right of this room and times what comes out.
#pragma once

#include <optional>
#include <vector>

#include "bigmac/cost/cost_table.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

/// When each rank ends, or nothing where it deadlocks. Linear in its operations.
std::optional<std::vector<std::int64_t>> rank_ends(const Pipeline& pipeline, const CostTable& costs,
                                                   const Schedule& schedule);

/// When an operation runs.
struct OpTime {
  std::int64_t start = 0, end = 0;
};
/// By operation, as they are listed; nothing where the schedule deadlocks.
std::optional<std::vector<OpTime>> op_times(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule);

/// The iteration time of `schedule`: the latest of these.
std::optional<std::int64_t> order_time(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule);

}  // namespace bigmac
