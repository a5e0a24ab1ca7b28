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

/// The LLM orders hybrid fills: slopes 1 and 2; with a generator P, 1.5P and 2P more warm-up forwards. A base that has
/// no slope, or whose warm-up cannot be lengthened, comes as it is.
std::vector<RankOrders> llm_choices(const ScheduleRequest& request);

/// One for each candidate order of microbatches.
std::vector<Setup> make_setups(const ScheduleRequest& request);

}  // namespace bigmac::hybrid
