// V-Min: a V of two chunks in a third of 1F1B's memory: (P+4) div 3 microbatches on every rank
// (Qi et al. 2024, 2405.15362).
//
// Idea: as V-Half, with every pass of a microbatch right after the one before: the shortest lives a V allows.
//
//   one microbatch on 4 ranks (F f: chunk 0, 1 forward; I i: input gradients); the next comes 6 units later
//   0  F......fi......I      F at r, f at 2P-1-r,
//   1  .F....f..i....I       i at 2P+r (+2 for P divisible by 3), I at 4P-1-r (+2)
//   2  ..F..f....i..I
//   3  ...Ff......iI
//
// Bubble at F = I = W: about 2P/3M of the ideal. The waves of forwards and gradients must keep in step, so where F and
// I differ every microbatch pays (the paper says so too): expect far more than the closed form then. Departure: the
// order follows the real costs by split_greedy.h.
#include "split_greedy.h"

namespace bigmac {

BuildingBlock v_min_block(std::uint32_t ranks) {
  const std::int64_t p = ranks, gap = ranks % 3 == 0 ? 2 : 0;  // keeps passes of different microbatches apart
  BuildingBlock block{6, {}};
  for (std::int64_t r = 0; r < p; ++r)
    block.instants.push_back({r, 2 * p - 1 - r, 4 * p + gap - 1 - r, 2 * p + gap + r});
  return block;
}

RankOrders v_min_orders(const BaseRequest& request) {
  return v_orders(request, (request.pipeline.ranks + 4) / 3, {v_min_block(request.pipeline.ranks)});
}

}  // namespace bigmac
