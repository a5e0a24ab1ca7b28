// Which policy of the greedy suits the costs: tried on a prefix, then improved locally. See split_greedy.h.
#include <algorithm>

#include "split_greedy.h"

namespace bigmac {
namespace {

constexpr std::uint32_t kTrialDepths = 8;           // times the pipeline's depth
constexpr std::uint32_t kCheapOperations = 16'384;  // trials of so many operations see all microbatches

class PolicySearch {
 public:
  PolicySearch(const SplitProblem& problem, const std::vector<BuildingBlock>& blocks, std::uint32_t prefix)
      : problem_(problem), blocks_(blocks), prefix_(prefix) {}

  SplitRun best() {
    try_shapes();
    try_patience();
    if (problem_.shape.chunks == 1) improve_bounds();
    return run_split_greedy(problem_, *block_, policy_, problem_.pipeline.microbatches, true);
  }

 private:
  void attempt(const BuildingBlock& block, const Policy& policy) {
    SplitRun run = run_split_greedy(problem_, block, policy, prefix_, false);
    if (block_ != nullptr && !run.better_than(run_)) return;
    run_ = std::move(run);
    improved_ = true;
    policy_ = policy;
    block_ = &block;
  }

  // In flight on rank r: `slope` fewer than on the rank before, never fewer than 1F1B has there.
  std::vector<std::uint32_t> sloped(std::uint32_t slope) const {
    std::vector<std::uint32_t> bounds;
    for (std::uint32_t rank = 0; rank < problem_.shape.ranks; ++rank) {
      const std::uint32_t limit = problem_.limits[rank], less = std::min(limit, slope * rank);
      bounds.push_back(std::max(limit - less, least_in_flight(rank)));
    }
    return bounds;
  }
  std::uint32_t least_in_flight(std::uint32_t rank) const {
    return std::min(problem_.limits[rank], problem_.shape.ranks - rank);
  }

  void try_shapes() {
    constexpr Preference kLine[] = {Preference::gradients, Preference::block, Preference::forwards};
    constexpr Preference kV[] = {Preference::gradients, Preference::block,       Preference::forwards,
                                 Preference::strict,    Preference::strict_warm, Preference::strict_spare};
    if (problem_.shape.chunks == 1) {
      for (const Preference preference : kLine)
        for (const std::uint32_t slope : {1u, 2u, 0u}) attempt(blocks_[0], {preference, 50, 0, sloped(slope)});
    } else {
      for (const BuildingBlock& block : blocks_)
        for (const Preference preference : kV) attempt(block, {preference, 50, 0, {}});
    }
  }

  void try_patience() {
    const Policy shape = policy_;
    const BuildingBlock& block = *block_;
    for (const std::int64_t wait : {0, 50, 100})
      for (const std::int64_t hold : {0, 50, 100}) attempt(block, {shape.preference, wait, hold, shape.most_in_flight});
  }

  // One more or one fewer in flight from some rank on, while that helps.
  void improve_bounds() {
    const std::uint32_t ranks = problem_.shape.ranks;
    for (int round = 0; round < 2; ++round) {
      improved_ = false;
      for (std::uint32_t quarter = 0; quarter < 4; ++quarter)
        for (const std::int64_t change : {1, -1}) {
          Policy moved = policy_;
          for (std::uint32_t rank = ranks * quarter / 4; rank < ranks; ++rank)
            moved.most_in_flight[rank] = static_cast<std::uint32_t>(std::clamp<std::int64_t>(
                moved.most_in_flight[rank] + change, least_in_flight(rank), problem_.limits[rank]));
          attempt(*block_, moved);
        }
      if (!improved_) return;
    }
  }

  const SplitProblem& problem_;
  const std::vector<BuildingBlock>& blocks_;
  const std::uint32_t prefix_;
  SplitRun run_;
  bool improved_ = false;
  Policy policy_;
  const BuildingBlock* block_ = nullptr;
};

}  // namespace

SplitRun best_split_run(const SplitProblem& problem, const std::vector<BuildingBlock>& blocks, std::uint32_t prefix) {
  return PolicySearch(problem, blocks, prefix).best();
}

std::uint32_t trial_microbatches(const SplitProblem& problem) {
  const std::uint32_t per_microbatch = 3 * problem.shape.stages();
  return std::min(problem.pipeline.microbatches,
                  std::max(kTrialDepths * problem.shape.ranks, kCheapOperations / per_microbatch));
}

RankOrders v_orders(const BaseRequest& request, std::uint32_t limit, const std::vector<BuildingBlock>& blocks) {
  const std::uint32_t ranks = request.pipeline.ranks;
  const SplitProblem problem{request.pipeline, request.costs, {ranks, 2}, std::vector<std::uint32_t>(ranks, 2 * limit)};
  return best_split_run(problem, blocks, trial_microbatches(problem)).orders;
}

}  // namespace bigmac
