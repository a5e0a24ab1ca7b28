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
/// has no slope, or whose warm-up cannot be lengthened, comes as it is; one that splits backwards also with its weight
/// gradients apart. Throws Error{bad_input} where each holds more
/// than `live_limit` chunk activations on some rank.
std::vector<LlmOrder> llm_choices(const ScheduleRequest& request, std::uint32_t live_limit);

/// Limits on chunk activations of a rank, rising, at which hybrid looks for schedules: what the leanest of its LLM
/// orders holds; what the fullest does (with a generator: of those with 2P and with 4P more forwards); and as much as
/// any can ever hold, with P more run ahead.
std::vector<std::uint32_t> llm_levels(const ScheduleRequest& request);

/// The most chunk activations a rank holds; other modules are passed over.
std::uint32_t most_llm_live(const RankOrders& orders);

/// One for each candidate order of microbatches. `open`: ranks that may run encoders and generators.
std::vector<Setup> make_setups(const ScheduleRequest& request, const std::vector<LlmOrder>& llm,
                               const std::vector<bool>& open);

}  // namespace bigmac::hybrid
