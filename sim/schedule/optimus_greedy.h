// The paper's greedy, as a baseline beside minimal-shift packing. Private to the schedule room.
//
// Start from the coarse placement. Repeat: take the encoder pipeline (mostly of one rank) whose forwards shift the LLM
// most, move one of its microbatches into the bubbles between its LLM operations, stage after stage, cut into slices,
// and keep the move if there was room and every moved forward ends before its own F_i; else stop. Then the same for the
// backwards, the pipeline that ends last, and B_i. arXiv 2408.03505, bubble scheduler.
//
// Derived: which microbatch a forward belongs to is the paper's to choose after the fact (it sorts the finish times);
// with microbatches that keep their owner the same positions arise when a pipeline's last microbatches move, in order.
// Backwards are checked per microbatch: the paper's sorted check lets a backward start before its own B_i.
#pragma once

#include "optimus_packing.h"

namespace bigmac {

/// `items`: by encoder pipeline and stage.
Packing pack_greedily(const CostTable& costs, const LlmTimeline& timeline,
                      const std::vector<std::vector<EncoderItems>>& items);

}  // namespace bigmac
