// An order of microbatches made from where their encoders run: first what can be ready first. Private to the schedule
// room.
//
// Encoders are dealt to ranks evenly first. Each rank then runs its forwards in its own idle time, one after the other:
// before its first LLM operation r tF and a first encoder forward, inside the LLM's window (P-1-r)(tF+tB), as the LLM
// order's latest starts tell. What does not fit in there delays the LLM wherever it stands, but the later, the more
// backwards low ranks have by then to do meanwhile. So positions go by when their forward is ready, and what does not
// fit comes last. A rank begins with the forward of its longest backward: that one has most of the time behind it, and
// the last of all is short.
//
// 4 ranks, V = 1, M = 8, encoders of 2 and 4 for each rank, tF = 1, tB = 2: rank 3 idles for 2 + 3 before its first
// forward, so its second encoder ends one too late and stands last; rank 0 idles for 2 + 0 and nine inside.
#pragma once

#include "hybrid_fill.h"

namespace bigmac::hybrid {

/// `encoder`: by microbatch its rank; `sides` by microbatch. Encoders of one stage.
std::vector<MicrobatchId> ready_order(const LlmClock& clock, const Sides& sides,
                                      const std::vector<std::uint32_t>& encoder);

}  // namespace bigmac::hybrid
