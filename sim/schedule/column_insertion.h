// Nesting by column insertion: the general method behind bigmac's rules. Private to the schedule room.
//
// Idea. Lay the LLM pipeline out alone, on a nominal clock (every tF and every tB equal). Choose an
// instant T. On every rank, insert one group's encoder or generator work (a *column*) after the
// operations that started before T. The operations started before T are closed under dependencies
// (a producer ends, so starts, before its consumer starts), hence the cut is consistent: everything
// after it moves later by one column and nothing else changes. A column that costs the same on all
// ranks therefore adds no bubble, wherever it is cut. Only its dependencies bind T:
//
//   generator column g          T = end of the group's last forward on the last stage
//   encoder-backward column g   T = end of the group's last backward on stage 0, and at once after it
//   encoder-forward column g+W  the next group may come in: live encoder activations stay at W
//
// The encoder-forward column of group g+W must precede the group's first forward on stage 0. Where it
// does not (W too small for the base), the order deadlocks: smallest_warmup_groups() tells which W is safe.
//
// Paper: BigMac, 2605.25451 (the figure shows P=4 V=2; the method for any base is derived).
// 4 ranks, V = 1, M = 8, encoder only, W = 3 (bigger than the two groups there are):
//   0  e0 e4 F0 F1 F2 F3 B0 F4 B1 F5 B2 F6 B3 F7 E0 B4 B5 B6 B7 E4
//   3  e3 e7 F0 B0 F1 B1 F2 B2 F3 B3 F4 B4 F5 E3 B5 F6 B6 F7 B7 E7
#pragma once

#include <array>

#include "bigmac/schedule/llm_base.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

/// The LLM pipeline laid out alone: each rank's operations and their starts on the nominal clock.
struct LlmLayout {
  RankOrders ops;
  std::vector<std::vector<std::int64_t>> starts;
  std::vector<std::int64_t> first_forward_start;   ///< by group: on stage 0
  std::vector<std::int64_t> last_forward_end;      ///< by group: on the last stage
  std::vector<std::int64_t> first_gradient_start;  ///< by group: on the last stage
  std::vector<std::int64_t> last_gradient_end;     ///< by group: on stage 0
};

/// Lays out `orders` with each kind of operation as long as its mean over stages (at least 1), no transfers. Throws
/// Error{bad_schedule} when the orders cannot run by themselves.
LlmLayout lay_out(const Pipeline& pipeline, const CostTable& costs, RankOrders orders);

/// The least W >= 1 for which no encoder-forward column comes after a forward that needs it.
std::uint32_t smallest_warmup_groups(const LlmLayout& layout);

/// Whether every group's last forwards precede its first backward, so that a generator column fits between.
bool has_room_for_generators(const LlmLayout& layout);

/// The nested schedule with `warmup_groups` encoder-forward columns in front.
Schedule insert_columns(const Pipeline& pipeline, const LlmLayout& layout, std::uint32_t warmup_groups);

}  // namespace bigmac
