// What hybrid's fills start from: orders of microbatches with their costs, LLM orders and placements. Private to the
// schedule room.
#pragma once

#include "bigmac/schedule/registry.h"
#include "hybrid_fill.h"

namespace bigmac::hybrid {

/// One order of microbatches.
struct Setup {
  std::vector<MicrobatchId> order;    ///< position -> the job's microbatch
  Sides sides;                        ///< encoder and generator work by position
  std::vector<LlmClock> clocks;       ///< LLM orders to fill
  std::vector<Placement> placements;  ///< ranks to place sides on
};

/// The LLM orders hybrid fills: slopes 1 and 2; with a generator P, 2P, 4P and 8P more warm-up forwards. A base that
/// has no slope, or whose warm-up cannot be lengthened, comes as it is. Throws Error{bad_input} where each holds more
/// than `live_limit` chunk activations on some rank.
std::vector<RankOrders> llm_choices(const ScheduleRequest& request, std::uint32_t live_limit);

/// The most chunk activations a rank holds; other modules are passed over.
std::uint32_t most_llm_live(const RankOrders& orders);

/// One for each candidate order of microbatches.
std::vector<Setup> make_setups(const ScheduleRequest& request, const std::vector<RankOrders>& llm);

}  // namespace bigmac::hybrid
