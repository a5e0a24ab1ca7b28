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
        for (std::uint16_t stage = 0; stage < pipeline.modules[module].stages; ++stage)
          sum += work_of(costs, {MicrobatchId{m}, StageId{stage}, module, kind});
  return sum;
}

class OwnerSearch {
 public:
  OwnerSearch(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline, Owners owners,
              std::int64_t tries)
      : pipeline_(pipeline),
        costs_(costs),
        timeline_(timeline),
        stages_(pipeline.encoder_stages()),
        owners_(std::move(owners)),
        tries_(tries) {
    for (std::uint32_t first = 0; first < pipeline.ranks; first += stages_) ends_.push_back(pack_ends(first));
    score_ = score();
  }

  Owners run() {
    while (tries_ > 0 && (improve(owner_that_shifts_most()) || improve(owner_that_ends_last()))) {
    }
    return std::move(owners_);
  }

 private:
  /// An encoder pipeline's first forward and last backward.
  struct Ends {
    std::int64_t shift, end;
  };
  /// The step, then how much the critical ends stand out, so that one of several critical owners may be relieved first.
  using Score = std::pair<std::int64_t, std::int64_t>;

  Ends pack_ends(std::uint32_t first) const {
    std::vector<std::uint32_t> owned;
    for (std::uint32_t m = 0; m < owners_.size(); ++m)
      if (owners_[m] == first) owned.push_back(m);
    const std::vector<EncoderItems> items = encoder_items(pipeline_, costs_, timeline_, owned, first);
    const Rooms rooms = Rooms(timeline_.rooms).subspan(first, stages_);
    const StagePacking packing = pack_stages(costs_, rooms, items, Preference::forwards);
    Ends out{-packing[0].begin(), packing[0].end()};
    for (const RankPacking& rank : packing) out = {std::max(out.shift, -rank.begin()), std::max(out.end, rank.end())};
    return out;
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

  std::uint32_t owner_that_shifts_most() const {
    const auto less = [](const Ends& a, const Ends& b) { return a.shift < b.shift; };
    return first_of(std::max_element(ends_.begin(), ends_.end(), less));
  }
  std::uint32_t owner_that_ends_last() const {
    const auto less = [](const Ends& a, const Ends& b) { return a.end < b.end; };
    return first_of(std::max_element(ends_.begin(), ends_.end(), less));
  }
  std::uint32_t first_of(std::vector<Ends>::const_iterator ends) const {
    return static_cast<std::uint32_t>(ends - ends_.begin()) * stages_;
  }
  Ends& ends_of(std::uint32_t owner) { return ends_[owner / stages_]; }

  // Tries to relieve one owner: its microbatches to others, or against a neighbour in time.
  bool improve(std::uint32_t owner) {
    const auto near = static_cast<std::uint32_t>(ends_.size());
    for (std::uint32_t m = 0; m < owners_.size(); ++m) {
      if (owners_[m] != owner) continue;
      for (std::uint32_t other = 0; other < pipeline_.ranks; other += stages_)
        if (other != owner && keep_if_better(owner, other, m, m)) return true;
      const std::uint32_t last = std::min<std::uint32_t>(m + near, pipeline_.microbatches);
      for (std::uint32_t n = m >= near ? m - near + 1 : 0; n < last; ++n)
        if (owners_[n] != owner && keep_if_better(owner, owners_[n], m, n)) return true;
    }
    return false;
  }

  // Gives m to `other`, and n, where it is another one, to `owner`.
  bool keep_if_better(std::uint32_t owner, std::uint32_t other, std::uint32_t m, std::uint32_t n) {
    if (tries_-- <= 0) return false;
    owners_[n] = owner;
    owners_[m] = other;
    const Ends before = ends_of(owner), other_before = ends_of(other);
    ends_of(owner) = pack_ends(owner);
    ends_of(other) = pack_ends(other);
    const Score now = score();
    if (now < score_) {
      score_ = now;
      return true;
    }
    ends_of(owner) = before;
    ends_of(other) = other_before;
    owners_[n] = other;
    owners_[m] = owner;
    return false;
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  const LlmTimeline& timeline_;
  std::uint32_t stages_;
  Owners owners_;
  std::int64_t tries_;
  std::vector<Ends> ends_;  // by encoder pipeline
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
  const std::uint32_t stages = pipeline.encoder_stages(), count = pipeline.ranks / stages;
  std::vector<std::int64_t> load(count, 0), share(count, 0);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
    for (const Op& op : llm[rank]) share[rank / stages] += work_of(costs, op);
  for (std::int64_t& work : share) work /= pipeline.microbatches;
  const std::int64_t least = *std::min_element(share.begin(), share.end());
  Owners owners(pipeline.microbatches);
  for (std::uint32_t m = 0; m < owners.size(); ++m) {
    const auto owner = std::min_element(load.begin(), load.end()) - load.begin();
    owners[m] = static_cast<std::uint32_t>(owner) * stages;
    load[static_cast<std::size_t>(owner)] += encoder_work(pipeline, costs, m);
    for (std::uint32_t i = 0; i < count; ++i) load[i] += share[i] - least;
  }
  return owners;
}

Owners improve_owners(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline, Owners owners,
                      std::int64_t tries) {
  return OwnerSearch(pipeline, costs, timeline, std::move(owners), tries).run();
}

}  // namespace bigmac
