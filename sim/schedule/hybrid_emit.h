// From a fill to a schedule. Private to the schedule room.
#pragma once

#include "hybrid_fill.h"

namespace bigmac::hybrid {

/// The operations of `filled`, with the job's own microbatch numbers. An encoder or generator pass that was interrupted
/// appears in the fewest parts that keep every interruption where it was; one that was not is whole.
Schedule emit(const Pipeline& pipeline, const LlmClock& llm, const Sides& sides, const Filled& filled,
              const std::vector<MicrobatchId>& order);

}  // namespace bigmac::hybrid
