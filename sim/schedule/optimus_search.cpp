#include "optimus_search.h"

#include <algorithm>
#include <iterator>
#include <set>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/schedule/rides.h"
#include "optimus_greedy.h"
#include "optimus_owners.h"

namespace bigmac {
namespace {

/// Above this many operations only the likeliest candidates are tried.
constexpr std::int64_t kLargeJob = 200'000;

/// The local search over owners: tries at most, and operations packed in all.
constexpr std::int64_t kOwnerTries = 1000, kOwnerOperations = 400'000;

struct NamedOwners {
  std::string how;
  Owners owners;
};

struct NamedTimeline {
  std::string name;
  LlmTimeline timeline;
};

double share_in_bubbles(const LlmTimeline& timeline, const Packing& packing) {
  double inside = 0, all = 0;
  for (const RankPacking& rank : packing)
    for (const Packed* packed : {&rank.forwards, &rank.backwards})
      for (const Slice& slice : packed->slices) {
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
  Search(const Pipeline& pipeline, const CostTable& costs, RankOrders llm, Effort effort, bool in_waits)
      : pipeline_(pipeline),
        costs_(costs),
        effort_(effort),
        large_(pipeline.operations() > kLargeJob),
        stages_(pipeline.encoder_stages()) {
    owners_.push_back({"", round_robin(pipeline)});
    if (!large_) add_levelled(llm);
    add_timelines(std::move(llm));
    if (in_waits && effort_ != Effort::coarse && !costs.rides.empty()) add_hosts();
    if (stages_ > 1 && effort_ == Effort::minimal_shift && !large_) add_turned();
  }

  OptimusResult run() {
    for (const NamedTimeline& llm : timelines_)
      for (std::size_t o = 0; o < owners_.size(); ++o)
        if (!best_time_ || llm.timeline.span <= best_time_->first) try_packings(llm, o);
    BIGMAC_CHECK(best_time_.has_value());
    // With equal costs round robin loses next to nothing and holds the fewest microbatches.
    if (effort_ == Effort::minimal_shift && owners_.size() > 1) try_other_owners();
    return std::move(best_);
  }

 private:
  void add_levelled(const RankOrders& llm) {
    Owners other = levelled(pipeline_, costs_, llm);
    if (other != owners_[0].owners)
      owners_.push_back({stages_ == 1 ? ", microbatches levelled over the ranks"
                                      : ", microbatches levelled over the encoder pipelines",
                         std::move(other)});
  }

  void add_timelines(RankOrders llm) {
    const bool deferrable = pipeline_.chunks > 1 && pipeline_.ranks > 1;
    RankOrders deferred = deferrable ? deferred_forwards(pipeline_) : RankOrders{};
    timelines_.push_back({"", time_llm(pipeline_, costs_, std::move(llm))});
    if (deferrable) timelines_.push_back({", deferred warm-up", time_llm(pipeline_, costs_, std::move(deferred))});
    if (effort_ != Effort::minimal_shift) return;
    const std::size_t given = timelines_.size();
    for (std::size_t i = 0; i < given; ++i)
      timelines_.push_back(
          {timelines_[i].name + ", late F_i", with_late_forwards(pipeline_, costs_, timelines_[i].timeline)});
  }

  // The same timelines once more: without rides nothing is lost.
  void add_hosts() {
    const std::size_t given = timelines_.size();
    for (std::size_t i = 0; i < given; ++i)
      timelines_.push_back(
          {", tensor-parallel waits" + timelines_[i].name, with_hosts(costs_, timelines_[i].timeline)});
  }

  // The same timelines with the first one, two, or all but the last stage on the last ranks.
  void add_turned() {
    const std::size_t given = timelines_.size();
    for (const std::uint32_t turned : std::set<std::uint32_t>{1, std::min(2u, stages_ - 1), stages_ - 1})
      for (std::size_t i = 0; i < given; ++i)
        timelines_.push_back(
            {fmt::format(", {} of {} stages from the last rank down{}", turned, stages_, timelines_[i].name),
             with_turned_stages(timelines_[i].timeline, stages_, turned)});
  }

  // On the timeline that won, from the owners that won.
  void try_other_owners() {
    const Owners& from = owners_[best_owners_].owners;
    const std::int64_t packed =
        std::int64_t{48} * pipeline_.microbatches + pipeline_.operations();  // all ranks; 48 slices each
    const std::int64_t tries = std::min(kOwnerTries, kOwnerOperations * pipeline_.ranks / stages_ / packed);
    Owners other = improve_owners(pipeline_, costs_, best_timeline_->timeline, from, tries);
    if (other == from) return;
    owners_.push_back(
        {stages_ == 1 ? ", microbatches moved between ranks" : ", microbatches moved between encoder pipelines",
         std::move(other)});
    try_packings(*best_timeline_, owners_.size() - 1);
  }

  /// By encoder pipeline and stage.
  using Items = std::vector<std::vector<EncoderItems>>;

  Items items_of(const NamedTimeline& llm, const Owners& owners) const {
    std::vector<std::vector<std::uint32_t>> owned(pipeline_.ranks);
    for (std::uint32_t m = 0; m < owners.size(); ++m) owned[owners[m]].push_back(m);
    Items items;
    for (std::uint32_t first = 0; first < pipeline_.ranks; first += stages_)
      items.push_back(encoder_items(pipeline_, costs_, llm.timeline, owned[first], first));
    return items;
  }

  // One encoder pipeline after the other.
  template <class PackStages>
  Packing pack(const NamedTimeline& llm, const Items& items, PackStages&& pack_one) const {
    Packing out;
    for (const std::vector<EncoderItems>& stages : items) {
      StagePacking packed = pack_one(Rooms(llm.timeline.rooms).subspan(out.size(), stages_), stages);
      std::move(packed.begin(), packed.end(), std::back_inserter(out));
    }
    return out;
  }

  void try_packings(const NamedTimeline& llm, std::size_t o) {
    const bool late = llm.name.ends_with("late F_i");
    const Items items = items_of(llm, owners_[o].owners);
    if (!late && !(large_ && best_time_)) {
      const Packing coarse =
          pack(llm, items, [&](Rooms rooms, StageItems own) { return pack_coarse(costs_, rooms, own); });
      if (!best_time_) best_.coarse_share = share_in_bubbles(llm.timeline, coarse);
      consider("coarse", llm, o, coarse);
    }
    if (effort_ == Effort::minimal_shift && (late || !large_)) try_minimal_shift(llm, o, items);
    if (effort_ != Effort::coarse && !late && pipeline_.microbatches <= kMostGreedyMicrobatches)
      consider("greedy", llm, o, pack_greedily(costs_, llm.timeline, items));
  }

  void try_minimal_shift(const NamedTimeline& llm, std::size_t o, const Items& items) {
    const auto by = [&](Preference preference) {
      return pack(llm, items, [&](Rooms rooms, StageItems own) { return pack_stages(costs_, rooms, own, preference); });
    };
    const Packing forwards_first = by(Preference::forwards);
    consider("minimal shift, forwards first", llm, o, forwards_first);
    if (large_) return;
    consider("minimal shift, backwards first", llm, o, by(Preference::backwards));
    consider("minimal shift, forwards early", llm, o, with_shortest_lead(llm, items, shift_of(forwards_first)));
  }

  // The least lead, by bisection, that plans as short a step as any does.
  Packing with_shortest_lead(const NamedTimeline& llm, const Items& items, std::int64_t shift) {
    const auto with_lead = [&](std::int64_t lead) {
      return pack(llm, items,
                  [&](Rooms rooms, StageItems own) { return pack_forwards_early(costs_, rooms, own, shift, lead); });
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

  void consider(const std::string& how, const NamedTimeline& llm, std::size_t o, const Packing& by_stage) {
    const std::uint32_t turned = llm.timeline.turned;
    const Packing packing = turned > 0 ? by_rank(by_stage, stages_, turned) : by_stage;
    RankOrders orders = merge_packing(llm.timeline, packing);
    std::vector<Ride> rides = rides_of(packing);
    const CostTable* costs = &costs_;
    CostTable as_run;
    if (!rides.empty()) costs = &(as_run = costs_as_run(pipeline_, costs_, rides));
    const auto times = time_orders(pipeline_, *costs, orders, {&owners_[o].owners, 0, nullptr, false, turned});
    BIGMAC_CHECK(times.has_value());
    const std::pair<std::int64_t, std::uint32_t> score{times->span, most_live(pipeline_, orders)};
    if (best_time_ && *best_time_ <= score) return;
    best_time_ = score;
    best_.orders = std::move(orders);
    best_.how = how + llm.name + owners_[o].how;
    best_timeline_ = &llm;
    best_owners_ = o;
    best_.share = share_in_bubbles(llm.timeline, packing);
    best_.rides = std::move(rides);
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  Effort effort_;
  bool large_;
  std::uint32_t stages_;  // of the encoders
  std::vector<NamedOwners> owners_;
  std::vector<NamedTimeline> timelines_;
  OptimusResult best_;
  std::optional<std::pair<std::int64_t, std::uint32_t>> best_time_;  // and its live microbatches
  const NamedTimeline* best_timeline_ = nullptr;
  std::size_t best_owners_ = 0;
};

}  // namespace

OptimusResult search_optimus(const Pipeline& pipeline, const CostTable& costs, RankOrders llm, Effort effort,
                             bool in_waits) {
  return Search(pipeline, costs, std::move(llm), effort, in_waits).run();
}

}  // namespace bigmac
