// What memory leaves each rank for encoders. Private to the schedule room.
//
// Under a limit on bytes ranks differ: the one with the head holds large logits, early ones more of the LLM's warm-up.
// Each may then hold another number of encoder microbatches, and one that has room for none runs none, so that it need
// not hold their weights either. Of a rank's room its LLM order takes its own peak; the rest is for encoders,
//   k = (room - weights of sides - peak of the LLM) / the most that one of its encoder passes keeps,
// and less where the rest would not hold an encoder's own transient bytes beside the LLM's activations. The peaks of
// both are added, so the limit is kept whatever the fill does.
//
//   4 ranks, limit 10, LLM peaks 4 4 4 9, encoder weights 1, kept 2: ranks 0 to 2 may hold 2 encoder microbatches, rank
//   3 runs none.
#pragma once

#include <optional>

#include "bigmac/schedule/registry.h"
#include "hybrid_fill.h"

namespace bigmac::hybrid {

/// Those of `orders` beside which `within` bytes a GPU, what request.held says included, leave some encoder pipeline
/// room, one that all of them leave; what they leave each rank goes into `room`, by order. All, and no room said, where
/// nothing is asked. Throws Error{bad_input} where none does.
std::vector<LlmOrder> orders_within(const ScheduleRequest& request, std::vector<LlmOrder> orders,
                                    std::optional<Bytes> within, std::vector<RankLimits>& room);

/// Ranks that may run encoders whichever of the orders is filled.
std::vector<bool> open_ranks(std::uint32_t ranks, const std::vector<RankLimits>& room);

/// The most encoder microbatches that any rank may hold.
std::uint32_t most_encoders(const std::vector<RankLimits>& room);

/// Whether what `schedule` holds is within.
bool holds_within(const ScheduleRequest& request, const Schedule& schedule, Bytes within);

}  // namespace bigmac::hybrid
