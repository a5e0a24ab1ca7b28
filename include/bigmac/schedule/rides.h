// Encoder kernels inside LLM operations: where a rank waits for tensor-parallel traffic, its multiprocessors are free.
//
// Optimus (2408.03505, "TP bubbles"): an LLM layer under tensor parallelism waits for two all-gathers and two
// reduce-scatters in each pass. Encoder compute kernels run in such waits, the encoder's own tensor-parallel traffic
// under the LLM's compute kernels that follow, so the LLM operation lasts as long as without them.
//
// A rank of a schedule file runs one operation at a time, each from start to end. So a ride is said by costs: an LLM
// operation keeps its whole cost, and an encoder operation costs only what does not ride. Its listed parts stand around
// the rides: part 0 before the first LLM operation that carries a kernel, the last part after the last one; an
// operation that rides as a whole is listed as two parts of no duration. Hence every rule of a schedule file holds
// without knowing of rides, on the safe side: inputs are there and memory is held before the first kernel runs,
// consumers wait until after the last.
//
//   one rank, F of 100 with 2 waits of 15; Ef of 60 in 6 kernels of 10       without: Ef 60, F, F, F: 360
//   0 Ef0 | F0 ~Ef1 ~Ef1 | F1 ~Ef1 ~Ef1 | F2 ~Ef1 ~Ef1 | Ef1   Ef1 has cost 0: its parts 0 before F0, 1 after F2
//
// Rules, checked by find_bad_ride(): a wait carries kernels of one encoder operation, at most as many as lie between
// two of its own communications, and no longer in all than the wait is; the communication of what rides in one wait is
// no longer than the compute between two waits. Kernels of a pass count as equal, as long as the longest.
// Between blocks an LLM operation waits for a scatter and the next gather in one; a gather at its begin and a scatter
// at its end are waits of their own, mostly half as long.
#pragma once

#include <optional>
#include <string>

#include "bigmac/cost/cost_table.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

/// Kernels of `guest` that one wait of `host`, or one at its ends, can carry; 0 where either has none, or they do not
/// fit.
std::uint32_t kernels_in_a_wait(const CostTable& costs, const Op& host, const Op& guest, bool at_ends);

/// The cost of an encoder operation of which `kernels` ride.
Nanoseconds cost_beside_rides(const CostTable& costs, const Op& guest, std::uint32_t kernels);

/// What the operations of a schedule with such rides cost as listed: the table less what rides. Without: the same.
/// Its `rides` column is empty: what waits there are is used up.
CostTable costs_as_run(const Pipeline& pipeline, const CostTable& costs, const std::vector<Ride>& rides);

/// Why a ride is impossible, or nothing; `costs` are the job's.
std::optional<std::string> find_bad_ride(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule);

/// At most this much of the encoders' work can ride, over all ranks and microbatches, with whole backwards.
Nanoseconds most_riding_work(const Pipeline& pipeline, const CostTable& costs);

/// All encoder work, and how much of it rides.
struct RidingWork {
  Nanoseconds all{}, riding{};
};
RidingWork riding_work(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule);

}  // namespace bigmac
