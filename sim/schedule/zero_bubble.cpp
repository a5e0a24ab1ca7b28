// ZB-H1 and ZB-H2: 1F1B with the backward split, weight gradients filling what would be bubbles
// (Qi et al. 2024, 2401.10241, sections 2 and 3: the two handcrafted schedules and the automatic one).
//
// Idea: only I is on the critical path between ranks; W runs whenever its rank would otherwise idle. zb-h1 holds no
// more than 1F1B's fullest rank (P microbatches), zb-h2 at most 2P-1, which moves all bubbles to the ends of the ranks.
//
//   4 ranks, M = 6, F = I = W = 1, zb-h1: each rank idles P-1-r = 3, 2, 1, 0 within its span
//   0  FFFF...IWFIWFIWIWIWIW
//   1  .FFF..IFIWFIWFIWIWIWW
//   2  ..FF.IFIFIWFIWFIWIWWW
//   3  ...FIFIFIFIWFIWFIWWWW
//
// Bubble within a rank's own span, largest over ranks: (P-1)(F+I-W) and (P-1)(F+I-2W) where W <= F, I. The order
// follows the real costs: the better of our greedy (split_greedy.h) and the published one (zero_bubble_rounds.cpp).
// Policies are chosen on a prefix of long jobs, so only up to about 16,000 operations, or 8P microbatches, is ours
// never slower than the published greedy by construction. The limits are in bytes: rank r holds at most what 1F1B's
// fullest rank does (zb-h2: twice that), by its stage's mean activation, and never more than P (zb-h2: 2P-1)
// microbatches.
//
// Departure: all bytes of a microbatch are held until W (the papers free part of them at I); the optimizer step is not
// split, so the iteration ends with the last rank and zb-h2 gains in each rank's span more than in the iteration.
#include <algorithm>

#include "split_greedy.h"

namespace bigmac {
namespace {

// Mean activation bytes of one stage over the microbatches.
double mean_activation(const CostTable& costs, std::uint32_t stage) {
  const std::uint32_t rows = costs.modules[kLlm].row;
  double sum = 0;
  for (std::uint32_t m = 0; m < rows; ++m)
    sum += static_cast<double>(
        costs.activation[costs.slot(kLlm, OpKind::forward, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{m})]
            .value);
  return sum / rows;
}

RankOrders zero_bubble(const BaseRequest& request, std::uint32_t times, std::uint32_t most) {
  const std::uint32_t ranks = request.pipeline.ranks;
  std::vector<double> bytes;
  double fullest = 0;
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    bytes.push_back(mean_activation(request.costs, rank));
    fullest = std::max(fullest, bytes.back() * (ranks - rank));
  }
  std::vector<std::uint32_t> limits;
  for (std::uint32_t rank = 0; rank < ranks; ++rank) {
    const double fit = bytes[rank] > 0 ? times * fullest / bytes[rank] : most;
    // 1F1B's own count always fits, whatever the rounding of the division.
    limits.push_back(std::max(static_cast<std::uint32_t>(std::min<double>(fit, most)), ranks - rank));
  }
  const SplitProblem problem{request.pipeline, request.costs, {ranks, 1}, limits};
  const std::uint32_t prefix = trial_microbatches(problem);
  SplitRun ours = best_split_run(problem, {line_block(ranks)}, prefix);
  std::optional<SplitRun> published = best_round_run(problem, prefix);
  return published && published->better_than(ours) ? std::move(published->orders) : std::move(ours.orders);
}

}  // namespace

BuildingBlock line_block(std::uint32_t ranks) {
  BuildingBlock block{3, {}};
  for (std::int64_t r = 0; r < ranks; ++r) block.instants.push_back({r, 0, 2 * std::int64_t{ranks} - 1 - r, 0});
  return block;
}

RankOrders zb_h1_orders(const BaseRequest& request) { return zero_bubble(request, 1, request.pipeline.ranks); }
RankOrders zb_h2_orders(const BaseRequest& request) { return zero_bubble(request, 2, 2 * request.pipeline.ranks - 1); }

}  // namespace bigmac
