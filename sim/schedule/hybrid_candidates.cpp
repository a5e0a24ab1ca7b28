#include "hybrid_candidates.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/schedule/builders.h"
#include "bigmac/schedule/job_bound.h"
#include "bigmac/schedule/rides.h"
#include "column_insertion.h"
#include "hybrid_emit.h"
#include "hybrid_riding.h"
#include "hybrid_room.h"
#include "hybrid_search.h"
#include "hybrid_setup.h"
#include "order_clock.h"

namespace bigmac::hybrid {
namespace {

constexpr std::size_t kFew = 12;  // choices: all of them are tried
// A local search takes at most so many fills; fewer where one has more operations and slices than this.
constexpr std::int64_t kSearchFills = 600, kLongSearchFills = 1800, kSearchOperations = 5'000;
constexpr std::uint64_t kSeed = 1, kMoreRounds = 8;
constexpr std::int64_t kNever = INT64_MAX / 4;
// After so many operations and slices, as after so many limits that help nothing, only no limit at all is tried still.
constexpr std::int64_t kOperations = 40'000'000;
constexpr std::int64_t kManyOperations = 1'000'000;  // of the job
constexpr std::uint32_t kLeanest = 3;                // groups that bigmac holds
constexpr std::uint32_t kIdleLimits = 4;

struct Mode {
  bool eager, encoders, generators, descending, ahead;
  const char* name;
};
/// The first kPlaced do not deal work while they run.
constexpr std::size_t kPlaced = 3;
constexpr std::array<Mode, 6> kModes{
    {{true, false, false, false, false, "eager"},
     {false, false, false, false, false, "when due"},
     {false, false, false, false, true, "when due, LLM ahead"},
     {true, true, true, false, false, "eager, by whoever is idle"},
     {false, true, true, true, true, "when due, by whoever is idle, LLM ahead"},
     {false, false, true, false, true, "when due, generators by whoever is idle, LLM ahead"}}};

/// Indices of a setup, a mode, one of the setup's clocks, one of its placements.
using Choice = std::array<std::size_t, 4>;
enum Coordinate : std::size_t { kSetup, kMode, kClock, kPlacement };

class Candidates {
 public:
  Candidates(const ScheduleRequest& request, const Limits& limits)
      : request_(request),
        pipeline_(request.pipeline),
        limits_(limits),
        stages_(request.pipeline.encoder_stages()),
        llm_(orders_within(request, llm_choices(request, limits.llm_live), limits.memory, room_)),
        setups_(make_setups(request, llm_, open_ranks(request.pipeline.ranks, room_))),
        riding_(request, limits.memory) {
    long_search_fills_ = limits.search_fills.value_or(default_search_fills(kLongSearchFills) / limits.search_share);
    search_fills_ = limits.search_fills.value_or(default_search_fills(kSearchFills) / limits.search_share);
    // The job's bound holds for whole backwards and stage s on rank s mod P.
    bound_ = has_slope(find_llm_base(request.base)) ? job_lower_bound(request.pipeline, request.costs).value
                                                    : least_with_given_orders();
    const bool unequal = setups_.size() > 1;
    modes_ = !pipeline_.generators.empty() ? kModes.size() : unequal ? kModes.size() - 1 : kPlaced;
  }

  Best run() {
    const std::uint32_t live_limit = std::min(limits_.encoder_live, most_encoders(room_));
    std::vector<Ready> ready = schedules_of_others();
    const auto try_ready = [&](std::uint32_t limit) {
      for (Ready& other : ready)
        if (!other.tried && other.live <= limit) keep_ready(other), other.tried = true;
    };
    Choice choice{setups_.size() - 1, 0, 0, 0};
    std::uint32_t idle_limits = 0;
    for (std::uint32_t limit = 1; limit <= live_limit && !done();) {
      const std::int64_t before = best_.found ? best_.time : kNever;
      try_ready(limit);
      any_open_ = false;
      tried_.clear();
      choice = try_limit(choice, limit);
      if (searched(limit) || !any_open_ || (limits_.memory && limit == live_limit))
        search(limit, any_open_ && limit != kLeanest * stages_ ? search_fills_ : long_search_fills_);
      if (!any_open_ || limit >= pipeline_.microbatches) {
        search_on(limit);
        break;
      }
      idle_limits = best_.found && best_.time == before ? idle_limits + 1 : 0;
      const bool enough = idle_limits == kIdleLimits || best_.fills * fill_size() > kOperations / limits_.search_share;
      const std::uint32_t next = enough ? pipeline_.microbatches : next_limit(limit);
      riding_.ride_up_to(std::min(next - 1, live_limit), best_);
      limit = limits_.memory && limit < live_limit ? std::min(next, live_limit) : next;
    }
    riding_.ride_up_to(std::min(live_limit, pipeline_.microbatches), best_);
    try_ready(live_limit);
    Best& ridden = riding_.best();
    if (!ridden.found || (best_.found && best_.time < ridden.time)) return std::move(best_);
    ridden.fills = best_.fills;
    return std::move(ridden);
  }

 private:
  /// Another builder's schedule, to be tried from the limit on that admits it.
  struct Ready {
    Schedule schedule;
    std::uint32_t live = 0;
    const char* how = "";
    bool tried = false;
  };
  /// The limits at which is searched, besides the last: 3, 4, 6, 8, 12, 16, 24, ... times the encoder's stages, each of
  /// which holds one of so many parts of a microbatch.
  bool searched(std::uint32_t limit) const {
    if (limit % stages_ != 0) return false;
    const std::uint32_t whole = limit / stages_;
    return whole >= 3 && (std::has_single_bit(whole) || (whole % 3 == 0 && std::has_single_bit(whole / 3)));
  }

  /// Where nothing binds any more and costs that differ keep the best more than a percent above the bound, the search
  /// goes on from it with other draws: what is left is mostly luck.
  void search_on(std::uint32_t limit) {
    if (setups_.size() == 1 || limits_.search_fills || limits_.search_share > 1) return;
    for (std::uint64_t round = 0; round < kMoreRounds && best_.time > bound_ + bound_ / 100; ++round)
      search(limit, long_search_fills_, kSeed + 1 + round);
  }

  void search(std::uint32_t limit, std::uint32_t fills, std::uint64_t seed = kSeed) {
    if (!start_ || search_fills_ == 0 || best_.time <= good_enough()) return;
    const SearchSpace space{
        pipeline_,
        request_.costs,
        llm_,
        room_,
        limits_.llm_live,
        [&](const LlmClock& clock, const Point& point, const Filled& filled) {
          if (filled.limited) any_open_ = true;
          return keep_ends(emit(pipeline_, clock, point.sides, filled, point.order),
                           fmt::format("encoder slices placed by search, at most {} live on a rank", filled.most_live));
        },
        good_enough()};
    SearchResult found = search_near(space, std::move(*start_), start_time_, limit, fills, seed);
    best_.fills += found.fills;
    start_ = std::move(found.point);
    start_time_ = found.time;
  }

  std::uint32_t default_search_fills(std::int64_t most) const {
    return static_cast<std::uint32_t>(std::min(most, most * kSearchOperations / fill_size()));
  }

  /// Operations and slices.
  std::int64_t fill_size() const {
    const Sides& sides = setups_[0].sides;
    const std::int64_t slices = stages_ * (sides.forward.slices() + sides.backward.slices()) + sides.generator.slices();
    return pipeline_.operations() + slices * pipeline_.microbatches;
  }

  /// What no fill goes below that keeps to one of the given orders: the order's span alone, a rank's LLM work behind
  /// what comes before its first operation, and all work spread evenly, where only encoders run before those.
  std::int64_t least_with_given_orders() const {
    std::int64_t least = kNever;
    for (const Setup& setup : setups_) {
      const std::int64_t first = shortest_encoder(setup.sides);
      for (const LlmClock& clock : setup.clocks) least = std::min(least, least_of(clock, setup.sides, first));
    }
    return least;
  }

  std::int64_t shortest_encoder(const Sides& sides) const {
    std::int64_t shortest = sides.forward.empty() ? 0 : kNever;
    for (std::uint32_t p = 0; p < pipeline_.microbatches && !sides.forward.empty(); ++p)
      shortest = std::min(shortest, sides.forward.position_total(p));
    return shortest;
  }

  std::int64_t least_of(const LlmClock& clock, const Sides& sides, std::int64_t first_encoder) const {
    std::vector<std::int64_t> work(pipeline_.ranks, 0);
    for (const LlmTask& task : clock.tasks) work[task.rank] += task.duration;
    std::int64_t least = clock.span + first_encoder, all = sides.generator.sum(), heads = 0;
    for (std::uint32_t r = 0; r < pipeline_.ranks; ++r) {
      least = std::max(least, clock.head[r] + first_encoder + work[r]);
      all += work[r], heads += clock.head[r] + first_encoder;
    }
    return std::max(least, (all + std::max(heads, sides.forward.sum() + sides.backward.sum())) / pipeline_.ranks);
  }

  std::int64_t good_enough() const { return bound_ + 3 * bound_ / 1000; }
  bool done() const { return best_.found && best_.time <= bound_ + bound_ / 5000; }
  bool few() const {
    return setups_.size() == 1 && modes_ * setups_[0].clocks.size() * setups_[0].placements.size() <= kFew;
  }
  bool close() const { return best_.found && best_.time <= bound_ + bound_ / 200; }

  std::optional<Schedule> bigmac_if_it_fits() const {
    const LlmBase& base = find_llm_base(request_.base);
    if (!pipeline_.generators.empty()) {
      if (!base.extra_warmup) return std::nullopt;
      const BaseRequest longer{pipeline_, request_.costs, pipeline_.ranks};
      if (!has_room_for_generators(lay_out(pipeline_, request_.costs, llm_orders(base, longer)))) return std::nullopt;
    }
    return build_bigmac({pipeline_, request_.costs, request_.base, {}});
  }

  /// bigmac's; with encoders of several stages, whose bigmac holds more than its groups in front, upfront's as well.
  std::vector<Ready> schedules_of_others() const {
    std::vector<Ready> out;
    if (std::optional<Schedule> nested = bigmac_if_it_fits()) {
      const std::uint32_t live = stages_ > 1
                                     ? most_held(pipeline_, *nested).encoder.value_or(0)
                                     : static_cast<std::uint32_t>(nested->parameters.at("encoder_warmup_groups"));
      out.push_back({std::move(*nested), live, "bigmac's columns"});
      if (setups_.size() > 1)
        out.push_back({build_bigmac({pipeline_, request_.costs, request_.base, {{"sort_microbatches", 1}}}), live,
                       "bigmac's columns, microbatches sorted"});
    }
    if (stages_ > 1 && pipeline_.generators.empty()) {
      Schedule around = build_upfront({pipeline_, request_.costs, request_.base, {}});
      const std::uint32_t live = most_held(pipeline_, around).encoder.value_or(0);
      out.push_back({std::move(around), live, "all encoders around the LLM"});
    }
    return out;
  }

  void keep_ready(const Ready& other) {
    if (most_held(pipeline_, other.schedule).llm.value_or(0) > limits_.llm_live) return;
    riding_.ride(other.schedule, other.how, other.live);
    keep(other.schedule, other.how);
  }

  Choice try_limit(Choice choice, std::uint32_t limit) {
    if (few()) {
      for (std::size_t placement = 0; placement < setups_[0].placements.size(); ++placement)
        for (std::size_t mode = 0; mode < modes_; ++mode)
          for (std::size_t clock = 0; clock < setups_[0].clocks.size() && !done(); ++clock)
            evaluate({0, mode, clock, placement}, limit);
      return choice;
    }
    choice = descend(choice, limit);
    for (std::size_t setup = 0; setup < setups_.size() && !close(); ++setup) {
      const Choice start{setup, 1, setups_[setup].clocks.size() - 1, setups_[setup].placements.size() / 2};
      const Choice found = descend(start, limit);
      if (found == best_choice_) choice = found;
    }
    return choice;
  }

  Choice descend(Choice choice, std::uint32_t limit) {
    std::int64_t time = evaluate(choice, limit);
    for (bool better = true; better && !done();) {
      better = false;
      for (const Coordinate coordinate : {kMode, kClock, kPlacement, kSetup})
        for (std::size_t option = 0; option < options(choice, coordinate) && !done(); ++option) {
          Choice other = choice;
          other[coordinate] = option;
          const std::int64_t other_time = evaluate(other, limit);
          if (other_time < time) choice = other, time = other_time, better = true;
        }
    }
    return choice;
  }

  std::size_t options(const Choice& choice, Coordinate coordinate) const {
    const Setup& setup = setups_[choice[kSetup]];
    return std::array<std::size_t, 4>{setups_.size(), modes_, setup.clocks.size(), setup.placements.size()}[coordinate];
  }

  FillRules rules_of(const Mode& mode, const Choice& choice, std::uint32_t limit) const {
    FillRules rules{limit, mode.eager, mode.encoders, mode.generators, mode.descending, mode.ahead};
    rules.llm_live_limit = limits_.llm_live;
    // Weight gradients may wait as far as memory allows.
    if (llm_[choice[kClock]].weights_apart) rules.llm_extra = pipeline_.ranks;
    if (!room_.empty()) rules.by_rank = &room_[choice[kClock]];
    return rules;
  }
  /// With what was dealt while it ran held fast.
  static FillRules as_placed(FillRules rules) {
    rules.dynamic = rules.dynamic_generators = false;
    return rules;
  }

  /// The time of a choice, or kNever where it was tried already or is far behind the best.
  std::int64_t evaluate(const Choice& choice, std::uint32_t limit) {
    const auto among = [&](const std::vector<Choice>& choices) {
      return std::find(choices.begin(), choices.end(), choice) != choices.end();
    };
    if (among(closed_) || among(tried_)) return kNever;
    tried_.push_back(choice);
    const Setup& setup = setups_[choice[kSetup]];
    const Mode& mode = kModes[choice[kMode]];
    const LlmClock& clock = setup.clocks[choice[kClock]];
    // A descent also wants to know what is not much worse.
    const std::int64_t give_up_at = best_.found ? best_.time + (few() ? 0 : best_.time / 32) : kNever;
    const Filled filled =
        fill(clock, setup.sides, setup.placements[choice[kPlacement]], rules_of(mode, choice, limit), give_up_at);
    ++best_.fills;
    if (filled.limited) any_open_ = true;
    else closed_.push_back(choice);
    if (!filled.finished) return kNever;
    const bool first = !best_.found;
    const std::int64_t before = best_.time;
    const std::int64_t time =
        keep(emit(pipeline_, clock, setup.sides, filled, setup.order),
             fmt::format("encoder slices {}, at most {} live on a rank", mode.name, filled.most_live));
    if (first || time < before) best_choice_ = choice;
    if (!start_ || time < start_time_) {
      start_ =
          Point{setup.order, setup.sides, filled.placement, as_placed(rules_of(mode, choice, kNone)), choice[kClock]};
      start_time_ = time;
    }
    return time;
  }

  std::int64_t keep(Schedule schedule, std::string how) {
    const std::vector<std::int64_t> ends = keep_ends(std::move(schedule), std::move(how));
    return ends.empty() ? kNever : *std::max_element(ends.begin(), ends.end());
  }

  /// When the ranks end; nothing where the schedule deadlocks.
  std::vector<std::int64_t> keep_ends(Schedule schedule, std::string how) {
    auto ends = rank_ends(pipeline_, request_.costs, schedule);
    if (!ends) return {};
    const std::int64_t time = *std::max_element(ends->begin(), ends->end());
    if (best_.found && time >= best_.time) return std::move(*ends);
    if (limits_.memory && !holds_within(request_, schedule, *limits_.memory))
      return std::vector<std::int64_t>(pipeline_.ranks, kNever);
    best_ = {std::move(schedule), time, std::move(how), best_.fills, true};
    return std::move(*ends);
  }

  const ScheduleRequest& request_;
  const Pipeline& pipeline_;
  const Limits limits_;
  const std::uint32_t stages_;    // of encoders
  std::vector<RankLimits> room_;  // by LLM order, under a limit on memory
  const std::vector<LlmOrder> llm_;
  const std::vector<Setup> setups_;
  std::int64_t bound_ = 0;  ///< where to stop looking
  std::size_t modes_ = 2;
  std::vector<Choice> tried_, closed_;  // at this limit; at one that did not bind
  bool any_open_ = false;
  Choice best_choice_{};
  std::uint32_t search_fills_ = 0, long_search_fills_ = 0;  // long: at the least usual limit, and where none binds
  std::optional<Point> start_;                              // the best fill's choices, where a search begins
  std::int64_t start_time_ = 0;
  Best best_;
  Riding riding_;
};

/// Optimus's schedule where that is faster, with the rides of both, and within the limits.
void try_optimus(const ScheduleRequest& request, const Limits& limits, Best& best) {
  const Pipeline& pipeline = request.pipeline;
  if (pipeline.encoders.empty() || !pipeline.generators.empty()) return;
  const std::vector<std::string>& bases = find_schedule("optimus").bases;
  if (std::find(bases.begin(), bases.end(), request.base) == bases.end()) return;
  Schedule schedule = build_optimus({pipeline, request.costs, request.base, {}});
  const auto time = order_time(pipeline, costs_as_run(pipeline, request.costs, schedule.rides), schedule);
  if (!time || (best.found && *time >= best.time)) return;
  const LiveLimits held = most_held(pipeline, schedule);
  if (held.encoder.value_or(0) > limits.encoder_live || held.llm.value_or(0) > limits.llm_live) return;
  if (limits.memory && !holds_within(request, schedule, *limits.memory)) return;
  best = {std::move(schedule), *time, "optimus's placement", best.fills, true};
}

}  // namespace

Best best_candidate(const ScheduleRequest& request, const Limits& limits) {
  // Little work wanted, or much for each fill, and memory to spare: the widest choice of LLM orders alone.
  const bool short_of_time = limits.search_fills == 0u || request.pipeline.operations() > kManyOperations;
  if (short_of_time && limits.llm_live == UINT32_MAX) return Candidates(request, limits).run();
  const std::vector<std::uint32_t> levels = llm_levels(request);
  if (limits.llm_live < levels[0]) return Candidates(request, limits).run();  // says why not
  Best best;
  for (const std::uint32_t level : levels) {
    if (level > limits.llm_live) break;
    Limits here = limits;
    here.llm_live = level;
    here.search_share = level == levels.back() ? 1 : 8;
    Best found = Candidates(request, here).run();
    found.fills += best.fills;
    if (!best.found || (found.found && found.time < best.time)) best = std::move(found);
    else best.fills = found.fills;
  }
  try_optimus(request, limits, best);
  return best;
}

}  // namespace bigmac::hybrid
