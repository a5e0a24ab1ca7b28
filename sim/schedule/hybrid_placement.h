// Orders of microbatches and ranks for their encoders and generators. Private to the schedule room.
//
// Gradients add up in any order, so positions may be dealt to the job's microbatches freely, and an encoder or a
// generator may run anywhere. Positions go in groups of P. Within each group, dearest first, each piece of work goes to
// the rank that is furthest behind its target, a target being a share of all work of that kind which grows with the
// groups done. Then pairs of encoders of nearby groups are swapped while that evens out what ranks do in all.
//
// Encoders of S stages are dealt so to pipelines of S ranks, by what these do together, with stage 0 on the first of
// them and on the last (hybrid.cpp says when which is better).
//
// 4 ranks, encoder work 5 1 4 2 | 3 3 1 1, even targets: ranks 0 3 1 2 | 3 2 0 1: 6 5 5 4 in all.
#pragma once

#include "hybrid_fill.h"

namespace bigmac::hybrid {

/// As given; and with the heaviest in the middle, by generator, by encoder and by all side work, or with short encoder
/// forwards in front and short backwards behind. Equal ones once.
std::vector<std::vector<MicrobatchId>> candidate_orders(const Pipeline& pipeline, const CostTable& costs);

/// `llm_work` by rank; `pace` = tF + tB of a chunk, the unit of a rank's distance from the first.
/// Low ranks idle inside the LLM's window, high ranks outside it. Without generators: evenly by what a rank does in
/// all, and high ranks taking more encoders. With them: generators evenly, and low ranks taking more, in three degrees;
/// encoders then so that ranks do the same in all; and one encoder of each group to a rank, which small limits want.
/// `open`: by rank, whether it may run encoders and generators; those of a pipeline alike, one of them at least.
std::vector<Placement> candidate_placements(const Pipeline& pipeline, const Sides& sides,
                                            const std::vector<std::int64_t>& llm_work, std::int64_t pace,
                                            const std::vector<bool>& open);

}  // namespace bigmac::hybrid
