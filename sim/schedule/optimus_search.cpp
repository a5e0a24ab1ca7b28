#include "optimus_search.h"

#include <algorithm>

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
    if (!large_ && stages_ == 1) add_levelled(llm);
    add_timelines(std::move(llm));
    if (in_waits && effort_ != Effort::coarse && !costs.rides.empty()) add_hosts();
  }

  OptimusResult run() {
    for (const NamedTimeline& llm : timelines_)
      for (std::size_t o = 0; o < owners_.size(); ++o)
        if (!best_time_ || llm.timeline.span <= best_time_->first) try_packings(llm, o);
    BIGMAC_CHECK(best_time_.has_value());
    // With equal costs round robin loses next to nothing and holds the fewest microbatches.
    if (effort_ == Effort::minimal_shift && owners_.size() > 1 && stages_ == 1) try_other_owners();
    return std::move(best_);
  }

 private:
  void add_levelled(const RankOrders& llm) {
    Owners other = levelled(pipeline_, costs_, llm);
    if (other != owners_[0].owners) owners_.push_back({", microbatches levelled over the ranks", std::move(other)});
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

  // On the timeline that won, from the owners that won.
  void try_other_owners() {
    const Owners& from = owners_[best_owners_].owners;
    const std::int64_t packed =
        std::int64_t{48} * pipeline_.microbatches + pipeline_.operations();  // all ranks; 48 slices each
    const std::int64_t tries = std::min(kOwnerTries, kOwnerOperations * pipeline_.ranks / packed);
    Owners other = improve_owners(pipeline_, costs_, best_timeline_->timeline, from, tries);
    if (other == from) return;
    owners_.push_back({", microbatches moved between ranks", std::move(other)});
    try_packings(*best_timeline_, owners_.size() - 1);
  }

  // By rank; of an encoder pipeline every rank has the same microbatches, and its own stage.
  std::vector<EncoderItems> items_of(const NamedTimeline& llm, const Owners& owners) const {
    std::vector<std::vector<std::uint32_t>> owned(pipeline_.ranks);
    for (std::uint32_t m = 0; m < owners.size(); ++m) owned[owners[m]].push_back(m);
    std::vector<EncoderItems> items;
    for (std::uint32_t rank = 0; rank < pipeline_.ranks; ++rank) {
      const std::uint32_t stage = rank % stages_, last = rank - stage + stages_ - 1;
      items.push_back(encoder_items(pipeline_, costs_, llm.timeline, owned[rank - stage], last, stage));
    }
    return items;
  }

  // One encoder pipeline after the other.
  Packing pack_pipelines(const std::vector<Room>& rooms, const std::vector<EncoderItems>& items,
                         Preference preference) const {
    Packing out;
    for (std::uint32_t first = 0; first < pipeline_.ranks; first += stages_) {
      const auto of_pipeline = [&](const auto& all) {
        return std::vector(all.begin() + first, all.begin() + first + stages_);
      };
      for (RankPacking& rank : pack_stages(costs_, of_pipeline(rooms), of_pipeline(items), preference))
        out.push_back(std::move(rank));
    }
    return out;
  }

  std::vector<Room> outside_only(const std::vector<Room>& rooms) const {
    std::vector<Room> out;
    for (const Room& room : rooms) out.push_back({{room.bubbles.front(), room.bubbles.back()}, {}, room.costs});
    return out;
  }

  void try_packings(const NamedTimeline& llm, std::size_t o) {
    const bool late = llm.name.ends_with("late F_i");
    const std::vector<EncoderItems> items = items_of(llm, owners_[o].owners);
    if (!late && !(large_ && best_time_)) {
      const Packing coarse = stages_ > 1
                                 ? pack_pipelines(outside_only(llm.timeline.rooms), items, Preference::forwards)
                                 : pack([&](std::size_t r) { return pack_coarse(llm.timeline.rooms[r], items[r]); });
      if (!best_time_) best_.coarse_share = share_in_bubbles(llm.timeline, coarse);
      consider("coarse", llm, o, coarse);
    }
    if (effort_ == Effort::minimal_shift && (late || !large_)) try_minimal_shift(llm, o, items);
    if (effort_ != Effort::coarse && !late && stages_ == 1 && pipeline_.microbatches <= kMostGreedyMicrobatches)
      consider("greedy", llm, o, pack_greedily(llm.timeline, items));
  }

  void try_minimal_shift(const NamedTimeline& llm, std::size_t o, const std::vector<EncoderItems>& items) {
    const auto& rooms = llm.timeline.rooms;
    const auto by = [&](Preference preference) {
      if (stages_ > 1) return pack_pipelines(rooms, items, preference);
      return pack([&](std::size_t r) { return pack_rank(rooms[r], items[r], preference); });
    };
    const Packing forwards_first = by(Preference::forwards);
    consider("minimal shift, forwards first", llm, o, forwards_first);
    if (large_) return;
    consider("minimal shift, backwards first", llm, o, by(Preference::backwards));
    if (stages_ > 1) return;
    consider("minimal shift, forwards early", llm, o, with_shortest_lead(llm, items, shift_of(forwards_first)));
  }

  // The least lead, by bisection, that plans as short a step as any does.
  Packing with_shortest_lead(const NamedTimeline& llm, const std::vector<EncoderItems>& items, std::int64_t shift) {
    const auto with_lead = [&](std::int64_t lead) {
      return pack([&](std::size_t r) { return pack_forwards_early(llm.timeline.rooms[r], items[r], shift, lead); });
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
    std::vector<Ride> rides = rides_of(packing);
    const CostTable* costs = &costs_;
    CostTable as_run;
    if (!rides.empty()) costs = &(as_run = costs_as_run(pipeline_, costs_, rides));
    const auto times = time_orders(pipeline_, *costs, orders, {&owners_[o].owners, 0, nullptr, false});
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
