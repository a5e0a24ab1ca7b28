// Which encoder pipeline has which microbatch: Optimus' compositions, searched locally. Private to the schedule room.
//
// An owner is an encoder pipeline: mostly one rank, of encoders of several stages so many consecutive ones, called by
// the first. Round robin fits equal costs. Where costs differ, starting from given owners a microbatch of the one that
// shifts the LLM most, or ends last, is moved to another or swapped with a neighbour in time, while the planned step of
// minimal-shift packing gets shorter. Only the two owners concerned are packed again. The paper enumerates all
// compositions and lets a sort decide who owns which microbatch.
//
// 4 ranks, M = 8, forwards 9 1 1 1 9 1 1 1: round robin gives rank 0 both long ones; 4 moves to rank 1 for 1.
#pragma once

#include "optimus_packing.h"

namespace bigmac {

Owners round_robin(const Pipeline& pipeline);
/// Each microbatch to the owner with the least work so far, the LLM's spread evenly over the microbatches. With equal
/// costs this is round robin. O(M P).
Owners levelled(const Pipeline& pipeline, const CostTable& costs, const RankOrders& llm);

/// At most `tries` pairs of owners are packed.
Owners improve_owners(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline, Owners owners,
                      std::int64_t tries);

}  // namespace bigmac
