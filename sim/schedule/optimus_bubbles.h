// The LLM's timeline alone, and its bubbles: where Optimus puts encoder work. Private to the schedule room.
//
// F_i: start of microbatch i's forward on stage 0; its encoder must have ended by then. B_i: end of its backward there;
// its encoder backward starts no sooner. A rank's bubbles are what its LLM operations leave free: one without begin
// before them, one without end after them, and those between.
//
// Late F_i leave more bubbles to encoder forwards. Two ways, both derived, neither lengthens an equal-cost pipeline
// without transfers:
//   deferred  the interleaved warm-up 2(P-1-r) + (V-1)P is shortened to (P-1-r) + (V-1)P; P=4, V=2, M=8, tF=1, tB=2:
//             F_i 0 1 2 3 8 9 10 16 become 0 1 2 3 16 19 22 25, and the LLM takes 57 both ways. Transfers expose it.
//   late      the order is kept, and each F_i waits until its latest start that keeps the LLM's span (backwards
//             over dependencies and rank orders); everything else still runs as soon as it can. Never costs time.
#pragma once

#include <cstdint>

#include "optimus_clock.h"

namespace bigmac {

inline constexpr std::int64_t kLongAgo = INT64_MIN / 4, kFarAhead = INT64_MAX / 4;

struct Interval {
  std::int64_t start = 0, end = 0;
};

/// An LLM operation with tensor-parallel waits in which encoder kernels may ride (schedule/rides.h).
struct Host {
  Interval at;
  Op op;
  std::uint32_t cost = 0;             ///< its slot in the cost table
  std::uint32_t index = 0;            ///< among the rank's LLM operations
  std::uint32_t waits = 0, ends = 0;  ///< not yet taken, between its blocks and at its ends
};

/// Where a rank's encoder work may go.
struct Room {
  std::vector<Interval> bubbles;  ///< ascending
  std::vector<Host> hosts;        ///< ascending; none unless asked for
  const CostTable* costs = nullptr;
};

/// The LLM laid out alone from 0 on; operations of no duration count as 1 ns, so that starts order what depends.
struct LlmTimeline {
  RankOrders ops;
  std::vector<std::vector<std::int64_t>> starts;               ///< [rank][index]
  std::vector<Room> rooms;                                     ///< [rank]; the first and the last bubble are unbounded
  std::vector<std::int64_t> first_forward;                     ///< F_i
  std::vector<std::int64_t> last_gradient;                     ///< B_i
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order;  ///< all operations as (rank, index), topologically
  std::int64_t span = 0;
  std::uint32_t turned = 0;  ///< how encoder pipelines lie (rank_of_stage); `rooms` are by stage within each
};

/// Throws Error{bad_schedule} when the orders cannot run by themselves.
LlmTimeline time_llm(const Pipeline& pipeline, const CostTable& costs, RankOrders orders,
                     const std::vector<std::int64_t>* not_before = nullptr);

/// The same timeline with every F_i at its latest.
LlmTimeline with_late_forwards(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline);

/// The same timeline with its operations as hosts.
LlmTimeline with_hosts(const CostTable& costs, LlmTimeline timeline);

/// The same timeline for encoder pipelines of `stages` ranks turned so; the given one's are not.
LlmTimeline with_turned_stages(LlmTimeline timeline, std::uint32_t stages, std::uint32_t turned);

/// interleaved with the shorter warm-up P-1-r + (V-1)P.
RankOrders deferred_forwards(const Pipeline& pipeline);

}  // namespace bigmac
