// How fast could any order of these operations be?
//
// For the placement of a schedule (which operations run on which rank) a bound valid for every order:
// each rank is one machine, each operation a job with a head (the longest chain of work and transfers before
// it) and a tail (the longest after it). The preemptive one-machine schedule that always runs the available
// operation with the longest tail is optimal for that relaxation (Jackson 1955; Carlier 1982,
// "The one-machine sequencing problem"), so its makespan bounds every real one from below. It is never
// less than the critical path or than the busiest rank's work, both being special cases.
//
// 4 ranks, V = 1, M = 8, tF = 1, tB = 2, no encoder: rank 3's first operation has head 3, its last tail 6, its
// work is 24: the bound is 33 = (M + P - 1)(tF + tB), what 1F1B reaches.
#pragma once

#include "bigmac/engine/timing.h"

namespace bigmac {

/// Needs a graph lowered from `schedule`. O(n log n).
Nanoseconds placement_lower_bound(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs,
                                  const TaskGraph& graph);

}  // namespace bigmac
