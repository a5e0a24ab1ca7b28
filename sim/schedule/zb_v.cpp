// ZB-V: a V of two chunks and a split backward; no bubble for F = I = W, in the memory of 1F1B
// (Qi et al. 2024, 2401.10241, section 6; the block in the terms of 2405.15362).
//
// Idea: rank r holds stages r and 2P-1-r, so the rank that feeds the first stage also has the last one: its backward
// begins as early as anyone's, all ranks hold the same P microbatches, and the loss stays with the embedding.
//
//   4 ranks, F = I = W = 1 (F f: chunk 0, 1 forward; I i, W w likewise), the beginning
//   0  FFFFFFFfiwfiwfiwfiIwFWfiIwFWfiIwFW
//   1  .FFFFFfFfiwfiwfiIwFWfiIwFWfiIwFWfi
//   2  ..FFFfFfFfiwfiIwFWfiIwFWfiIwFWfiIw
//   3  ...FfFfFfFfiIwFWfiIwFWfiIwFWfiIwFW
//
// Departure: the order follows the real costs by split_greedy.h. For unequal costs the papers' and ours are heuristics.
#include "split_greedy.h"

namespace bigmac {

// Forwards advance a rank every 4 units on the way out and every 2 on the way back, gradients the same: each pass of a
// microbatch starts as soon as it can on the last rank, and chunks live 12P - 6r and 6r units, 2P chunks in all.
BuildingBlock zb_v_block(std::uint32_t ranks) {
  const std::int64_t p = ranks;
  BuildingBlock block{6, {}};
  for (std::int64_t r = 0; r < p; ++r)
    block.instants.push_back({4 * r, 6 * p - 5 - 2 * r, 12 * p - 9 - 2 * r, 6 * p - 4 + 4 * r});
  return block;
}

RankOrders zb_v_orders(const BaseRequest& request) {
  const std::uint32_t ranks = request.pipeline.ranks;
  return v_orders(request, ranks, {zb_v_block(ranks), v_half_block(ranks), v_min_block(ranks)});
}

}  // namespace bigmac
