// V-Half: a V of two chunks in half of 1F1B's memory: (P+2) div 2 microbatches on every rank
// (Qi et al. 2024, 2405.15362).
//
// Idea: a microbatch's chunks must be held from F to W. In a V the chunk that waits longest lies beside the one that
// waits shortest, so their sum is the same on all ranks; passes that follow each other quickly make it small.
//
//   one microbatch on 4 ranks (F f: chunk 0, 1 forward; I i: input gradients); the next comes 6 units later
//   0  F.........f...i..........I      F at 2r, f at 3P-r-2,
//   1  ..F......f......i.......I       i at 3P+2r-1 (+3 for even P), I at 6P-r-2 (+3)
//   2  ....F...f.........i....I
//   3  ......Ff............i.I
//
// Bubble at F = I = W: about P/2M of the ideal. Departure: the order follows the real costs by split_greedy.h.
#include "split_greedy.h"

namespace bigmac {

BuildingBlock v_half_block(std::uint32_t ranks) {
  const std::int64_t p = ranks, gap = ranks % 2 == 0 ? 3 : 0;  // keeps passes of different microbatches apart
  BuildingBlock block{6, {}};
  for (std::int64_t r = 0; r < p; ++r)
    block.instants.push_back({2 * r, 3 * p - r - 2, 6 * p + gap - r - 2, 3 * p + gap + 2 * r - 1});
  return block;
}

RankOrders v_half_orders(const BaseRequest& request) {
  const std::uint32_t ranks = request.pipeline.ranks;
  return v_orders(request, (ranks + 2) / 2, {v_half_block(ranks), v_min_block(ranks)});
}

}  // namespace bigmac
