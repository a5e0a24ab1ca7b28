// Rides for a schedule that is there already. Private to the schedule room.
//
// Idea: whatever a schedule lists, its encoder operations may as well run in tensor-parallel waits of LLM operations
// that stand between the right places, and then cost less. A forward that ends where it ended may run in the LLM
// operations before; a backward that starts where it started in those behind. It rides as a whole: its parts become two
// of no length, of which one stays where the operation was.
//
// Never slower: every LLM operation keeps its cost and its place, what rides costs nothing, the new mark of a forward
// waits for nothing and that of a backward nobody waits for; so by the timing rule no operation ends later. Encoders of
// several stages: the new mark of a later stage's forward waits for the stage before it, so it stands before no LLM
// operation that started sooner than that had arrived; the stage before waits for a later stage's backward, whose new
// mark stands behind no operation that ended too late for that. By induction over the times of the schedule as it
// stood, none is exceeded. But a forward begins, and a backward ends, some LLM operations further off, and holds its
// microbatch so long: hosts are taken nearest first, and no more microbatches are held than `live_limit`.
//
//   4 ranks, one of them, waits for two kernels in each operation, e of 4 kernels:
//   3  F0 F1 e7 F2 B0 E1 F3 B1    becomes    3  e7( F0 F1 e7) F2 B0 E1( F3 B1 E1)    F0 and F1 carry e7, F3 and B1
//   carry E1
#pragma once

#include "bigmac/cost/cost_table.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

/// Fills `schedule` with rides; nothing happens where the costs know of no waits. LLM stages with whole or split
/// backwards.
void ride_along(const Pipeline& pipeline, const CostTable& costs, std::uint32_t live_limit, Schedule& schedule);

}  // namespace bigmac
