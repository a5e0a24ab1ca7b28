// One schedule, simulated: everything a report, a file or a planner says about it.
//
// The end of the flow: pipeline + costs + schedule -> graph -> times -> memory -> Outcome.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "bigmac/cost/cost_table.h"
#include "bigmac/engine/timing.h"
#include "bigmac/memory/activations.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

struct Outcome {
  TaskGraph graph;
  SlotCosts slots;
  Timing timing;
  std::vector<RankActivations> ranks;
  Nanoseconds iteration{};
  /// The larger of: for this placement, over every order (engine/lower_bound.h); where the schedule states limits on
  /// what ranks hold, over every schedule within them (schedule/job_bound.h).
  Nanoseconds lower_bound{};
  bool bound_by_limits = false;  ///< the latter was larger
  double bubble_fraction = 0;    ///< 1 - mean busy time / iteration
};

/// The chain. A schedule that cannot run comes back as its Fault.
std::variant<Outcome, Fault> simulate(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule);

/// The chain without its lower bound (left 0), which costs more than everything else: what a search runs.
std::variant<Outcome, Fault> simulate_quickly(const Pipeline& pipeline, const CostTable& costs,
                                              const Schedule& schedule);

/// The busiest rank's share that is idle, and what holds the schedule back, in a few words:
/// "rank 3: encoder 41 % of its work" or "warm-up and cool-down".
std::string bottleneck(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule,
                       const Outcome& outcome);

}  // namespace bigmac
