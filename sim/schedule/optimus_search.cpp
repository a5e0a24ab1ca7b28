#include "optimus_search.h"

#include <algorithm>
#include <numeric>

#include "bigmac/base/error.h"
#include "optimus_greedy.h"

namespace bigmac {
namespace {

/// Above this many operations only the likeliest candidates are tried.
constexpr std::int64_t kLargeJob = 200'000;

struct NamedTimeline {
  std::string name;
  LlmTimeline timeline;
};

Owners round_robin(const Pipeline& pipeline) {
  Owners owners(pipeline.microbatches);
  for (std::uint32_t m = 0; m < owners.size(); ++m) owners[m] = m % pipeline.ranks;
  return owners;
}

std::int64_t work_of(const CostTable& costs, const Op& op) { return costs.duration[costs.slot(op)].value; }

std::int64_t encoder_work(const Pipeline& pipeline, const CostTable& costs, std::uint32_t m) {
  std::int64_t sum = 0;
  for (const ModuleId module : pipeline.encoders)
    for (const OpKind kind : {OpKind::forward, OpKind::backward})
      if (kind == OpKind::forward || pipeline.modules[module].backward)
        sum += work_of(costs, {MicrobatchId{m}, StageId{0}, module, kind});
  return sum;
}

// Each microbatch to the rank with the least work so far, the LLM's spread evenly over the microbatches. With equal
// costs this is round robin.
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

double share_in_bubbles(const LlmTimeline& timeline, const Packing& packing) {
  double inside = 0, all = 0;
  for (const RankPacking& rank : packing)
    for (const std::vector<Slice>* slices : {&rank.forwards, &rank.backwards})
      for (const Slice& slice : *slices) {
        const std::int64_t from = std::max<std::int64_t>(0, slice.at.start), to = std::min(timeline.span, slice.at.end);
        inside += static_cast<double>(std::max<std::int64_t>(0, to - from));
        all += static_cast<double>(slice.at.end - slice.at.start);
      }
  return all > 0 ? inside / all : 0;
}

// Most encoder operations held on any rank.
std::uint32_t most_live(const Pipeline& pipeline, const RankOrders& orders) {
  std::uint32_t most = 0;
  for (const std::vector<Op>& ops : orders) {
    std::uint32_t live = 0;
    for (const Op& op : ops) {
      if (op.module == kLlm) continue;
      if (op.kind == OpKind::forward && op.part == 0) most = std::max(most, ++live);
      const bool last = op.kind == OpKind::backward || !pipeline.modules[op.module].backward;
      if (last && op.part + 1 == op.parts) --live;
    }
  }
  return most;
}

class Search {
 public:
  Search(const Pipeline& pipeline, const CostTable& costs, RankOrders llm, Effort effort)
      : pipeline_(pipeline), costs_(costs), effort_(effort), large_(pipeline.operations() > kLargeJob) {
    owners_.push_back(round_robin(pipeline));
    if (Owners other = levelled(pipeline, costs, llm); !large_ && other != owners_[0]) owners_.push_back(other);
    add_timelines(std::move(llm));
  }

  OptimusResult run() {
    for (const NamedTimeline& llm : timelines_)
      for (std::size_t o = 0; o < owners_.size(); ++o)
        if (!best_time_ || llm.timeline.span <= best_time_->first) try_packings(llm, o);
    BIGMAC_CHECK(best_time_.has_value());
    return std::move(best_);
  }

 private:
  void add_timelines(RankOrders llm) {
    const bool deferrable = pipeline_.chunks > 1 && pipeline_.ranks > 1;
    RankOrders deferred = deferrable ? with_deferred_forwards(pipeline_, llm) : RankOrders{};
    timelines_.push_back({"", time_llm(pipeline_, costs_, std::move(llm))});
    if (deferrable) timelines_.push_back({", deferred warm-up", time_llm(pipeline_, costs_, std::move(deferred))});
    if (effort_ != Effort::minimal_shift) return;
    const std::size_t given = timelines_.size();
    for (std::size_t i = 0; i < given; ++i)
      timelines_.push_back(
          {timelines_[i].name + ", late F_i", with_late_forwards(pipeline_, costs_, timelines_[i].timeline)});
  }

  void try_packings(const NamedTimeline& llm, std::size_t o) {
    const bool late = llm.name.ends_with("late F_i");
    const std::vector<EncoderItems> items = encoder_items(pipeline_, costs_, llm.timeline, owners_[o]);
    if (!late && !(large_ && best_time_)) {
      const Packing coarse = pack([&](std::size_t r) { return pack_coarse(llm.timeline.bubbles[r], items[r]); });
      if (!best_time_) best_.coarse_share = share_in_bubbles(llm.timeline, coarse);
      consider("coarse", llm, o, coarse);
    }
    if (effort_ == Effort::minimal_shift && (late || !large_)) try_minimal_shift(llm, o, items);
    if (effort_ != Effort::coarse && !late && pipeline_.microbatches <= kMostGreedyMicrobatches)
      consider("greedy", llm, o, pack_greedily(llm.timeline, items));
  }

  void try_minimal_shift(const NamedTimeline& llm, std::size_t o, const std::vector<EncoderItems>& items) {
    const auto& bubbles = llm.timeline.bubbles;
    const auto by = [&](Preference preference) {
      return pack([&](std::size_t r) { return pack_rank(bubbles[r], items[r], preference); });
    };
    const Packing forwards_first = by(Preference::forwards);
    consider("minimal shift, forwards first", llm, o, forwards_first);
    if (large_) return;
    consider("minimal shift, backwards first", llm, o, by(Preference::backwards));
    consider("minimal shift, forwards early", llm, o, with_shortest_lead(llm, items, shift_of(forwards_first)));
  }

  // The least lead, by bisection, that plans as short a step as any does.
  Packing with_shortest_lead(const NamedTimeline& llm, const std::vector<EncoderItems>& items, std::int64_t shift) {
    const auto with_lead = [&](std::int64_t lead) {
      return pack([&](std::size_t r) { return pack_forwards_early(llm.timeline.bubbles[r], items[r], shift, lead); });
    };
    std::int64_t low = 0, high = llm.timeline.span + shift;
    Packing best = with_lead(high);
    const std::int64_t span = planned_span(llm.timeline, best);
    for (const std::int64_t precision = high / 1000; high - low > precision + 1;) {
      const std::int64_t lead = low + (high - low) / 2;
      Packing packing = with_lead(lead);
      if (planned_span(llm.timeline, packing) > span) {
        low = lead;
      } else {
        high = lead;
        best = std::move(packing);
      }
    }
    return best;
  }

  template <class PackRank>
  Packing pack(PackRank&& pack_one) const {
    Packing out;
    for (std::size_t rank = 0; rank < pipeline_.ranks; ++rank) out.push_back(pack_one(rank));
    return out;
  }

  void consider(const std::string& how, const NamedTimeline& llm, std::size_t o, const Packing& packing) {
    RankOrders orders = merge_packing(llm.timeline, packing);
    const auto times = time_orders(pipeline_, costs_, orders, {&owners_[o], 0, nullptr, false});
    BIGMAC_CHECK(times.has_value());
    const std::pair<std::int64_t, std::uint32_t> score{times->span, most_live(pipeline_, orders)};
    if (best_time_ && *best_time_ <= score) return;
    best_time_ = score;
    best_.orders = std::move(orders);
    best_.how = how + llm.name + (o > 0 ? ", microbatches levelled over the ranks" : "");
    best_.share = share_in_bubbles(llm.timeline, packing);
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  Effort effort_;
  bool large_;
  std::vector<Owners> owners_;
  std::vector<NamedTimeline> timelines_;
  OptimusResult best_;
  std::optional<std::pair<std::int64_t, std::uint32_t>> best_time_;
};

}  // namespace

OptimusResult search_optimus(const Pipeline& pipeline, const CostTable& costs, RankOrders llm, Effort effort) {
  return Search(pipeline, costs, std::move(llm), effort).run();
}

}  // namespace bigmac
