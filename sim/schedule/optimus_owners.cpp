#include "optimus_owners.h"

#include <algorithm>

namespace bigmac {
namespace {

std::int64_t work_of(const CostTable& costs, const Op& op) { return costs.duration[costs.slot(op)].value; }

std::int64_t encoder_work(const Pipeline& pipeline, const CostTable& costs, std::uint32_t m) {
  std::int64_t sum = 0;
  for (const ModuleId module : pipeline.encoders)
    for (const OpKind kind : {OpKind::forward, OpKind::backward})
      if (kind == OpKind::forward || pipeline.modules[module].backward)
        sum += work_of(costs, {MicrobatchId{m}, StageId{0}, module, kind});
  return sum;
}

class OwnerSearch {
 public:
  OwnerSearch(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline, Owners owners,
              std::int64_t tries)
      : pipeline_(pipeline), costs_(costs), timeline_(timeline), owners_(std::move(owners)), tries_(tries) {
    for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank) ends_.push_back(pack_ends(rank));
    score_ = score();
  }

  Owners run() {
    while (tries_ > 0 && (improve(rank_that_shifts_most()) || improve(rank_that_ends_last()))) {
    }
    return std::move(owners_);
  }

 private:
  /// A rank's first encoder forward and last backward.
  struct Ends {
    std::int64_t shift, end;
  };
  /// The step, then how much the critical ends stand out, so that one of several critical ranks may be relieved first.
  using Score = std::pair<std::int64_t, std::int64_t>;

  Ends pack_ends(std::uint32_t rank) const {
    std::vector<std::uint32_t> owned;
    for (std::uint32_t m = 0; m < owners_.size(); ++m)
      if (owners_[m] == rank) owned.push_back(m);
    const EncoderItems items = encoder_items(pipeline_, costs_, timeline_, owned, rank);
    const RankPacking packing = pack_rank(timeline_.rooms[rank], items, Preference::forwards);
    return {-packing.begin(), packing.end()};
  }

  Score score() const {
    std::int64_t shift = 0, end = timeline_.span, all = 0;
    for (const Ends& ends : ends_) {
      shift = std::max(shift, ends.shift);
      end = std::max(end, ends.end);
      all += std::max<std::int64_t>(0, ends.shift) + std::max<std::int64_t>(0, ends.end - timeline_.span);
    }
    return {shift + end, all};
  }

  std::uint32_t rank_that_shifts_most() const {
    const auto less = [](const Ends& a, const Ends& b) { return a.shift < b.shift; };
    return static_cast<std::uint32_t>(std::max_element(ends_.begin(), ends_.end(), less) - ends_.begin());
  }
  std::uint32_t rank_that_ends_last() const {
    const auto less = [](const Ends& a, const Ends& b) { return a.end < b.end; };
    return static_cast<std::uint32_t>(std::max_element(ends_.begin(), ends_.end(), less) - ends_.begin());
  }

  // Tries to relieve one rank: its microbatches to others, or against a neighbour in time.
  bool improve(std::uint32_t rank) {
    for (std::uint32_t m = 0; m < owners_.size(); ++m) {
      if (owners_[m] != rank) continue;
      for (std::uint32_t other = 0; other < pipeline_.ranks; ++other)
        if (other != rank && keep_if_better(rank, other, m, m)) return true;
      const std::uint32_t last = std::min<std::uint32_t>(m + pipeline_.ranks, pipeline_.microbatches);
      for (std::uint32_t n = m >= pipeline_.ranks ? m - pipeline_.ranks + 1 : 0; n < last; ++n)
        if (owners_[n] != rank && keep_if_better(rank, owners_[n], m, n)) return true;
    }
    return false;
  }

  // Gives m to `other`, and n, where it is another one, to `rank`.
  bool keep_if_better(std::uint32_t rank, std::uint32_t other, std::uint32_t m, std::uint32_t n) {
    if (tries_-- <= 0) return false;
    owners_[n] = rank;
    owners_[m] = other;
    const Ends before = ends_[rank], other_before = ends_[other];
    ends_[rank] = pack_ends(rank);
    ends_[other] = pack_ends(other);
    const Score now = score();
    if (now < score_) {
      score_ = now;
      return true;
    }
    ends_[rank] = before;
    ends_[other] = other_before;
    owners_[n] = other;
    owners_[m] = rank;
    return false;
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  const LlmTimeline& timeline_;
  Owners owners_;
  std::int64_t tries_;
  std::vector<Ends> ends_;
  Score score_;
};

}  // namespace

Owners round_robin(const Pipeline& pipeline) {
  const std::uint32_t stages = pipeline.encoder_stages();
  Owners owners(pipeline.microbatches);
  for (std::uint32_t m = 0; m < owners.size(); ++m) owners[m] = m % (pipeline.ranks / stages) * stages;
  return owners;
}

Owners levelled(const Pipeline& pipeline, const CostTable& costs, const RankOrders& llm) {
  std::vector<std::int64_t> load(pipeline.ranks, 0), share(pipeline.ranks, 0);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank) {
    for (const Op& op : llm[rank]) share[rank] += work_of(costs, op);
    share[rank] /= pipeline.microbatches;
  }
  const std::int64_t least = *std::min_element(share.begin(), share.end());
  Owners owners(pipeline.microbatches);
  for (std::uint32_t m = 0; m < owners.size(); ++m) {
    const auto rank = std::min_element(load.begin(), load.end()) - load.begin();
    owners[m] = static_cast<std::uint32_t>(rank);
    load[static_cast<std::size_t>(rank)] += encoder_work(pipeline, costs, m);
    for (std::uint32_t r = 0; r < pipeline.ranks; ++r) load[r] += share[r] - least;
  }
  return owners;
}

Owners improve_owners(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline, Owners owners,
                      std::int64_t tries) {
  return OwnerSearch(pipeline, costs, timeline, std::move(owners), tries).run();
}

}  // namespace bigmac
