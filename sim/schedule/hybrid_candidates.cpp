#include "hybrid_candidates.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bigmac/schedule/builders.h"
#include "bigmac/schedule/job_bound.h"
#include "column_insertion.h"
#include "hybrid_emit.h"
#include "hybrid_setup.h"
#include "order_clock.h"

namespace bigmac::hybrid {
namespace {

constexpr std::size_t kFew = 8;  // choices: all of them are tried
constexpr std::int64_t kNever = INT64_MAX / 4;

struct Mode {
  bool eager, dynamic, descending;
  const char* name;
};
constexpr std::array<Mode, 4> kModes{{{true, false, false, "eager"},
                                      {false, false, false, "when due"},
                                      {true, true, false, "eager, by whoever is idle"},
                                      {false, true, true, "when due, by whoever is idle"}}};

/// Indices of a setup, a mode, one of the setup's clocks, one of its placements.
using Choice = std::array<std::size_t, 4>;
enum Coordinate : std::size_t { kSetup, kMode, kClock, kPlacement };

std::uint32_t next_limit(std::uint32_t limit) {
  if (limit < 6) return limit + 1;
  std::uint32_t step = 2;
  while (step * 8 <= limit) step *= 2;
  return limit + step;
}

class Candidates {
 public:
  explicit Candidates(const ScheduleRequest& request)
      : request_(request), pipeline_(request.pipeline), setups_(make_setups(request)) {
    // The bound holds for whole backwards and stage s on rank s mod P.
    if (has_slope(find_llm_base(request.base))) bound_ = job_lower_bound(request.pipeline, request.costs).value;
    const bool unequal = setups_.size() > 1;
    modes_ = pipeline_.generators.empty() && unequal ? kModes.size() : 2;
  }

  Best run(std::uint32_t live_limit) {
    const std::optional<Schedule> nested = bigmac_if_it_fits();
    const std::uint32_t groups =
        nested ? static_cast<std::uint32_t>(nested->parameters.at("encoder_warmup_groups")) : kNone;
    bool nested_tried = false;
    const auto try_nested = [&](std::uint32_t limit) {
      if (nested && !nested_tried && groups <= limit) try_bigmac(*nested), nested_tried = true;
    };
    Choice choice{setups_.size() - 1, 0, 0, 0};
    for (std::uint32_t limit = 1; limit <= live_limit && !done(); limit = next_limit(limit)) {
      try_nested(limit);
      any_open_ = false;
      tried_.clear();
      choice = try_limit(choice, limit);
      if (!any_open_ || limit >= pipeline_.microbatches) break;
    }
    try_nested(live_limit);
    return std::move(best_);
  }

 private:
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

  void try_bigmac(const Schedule& as_given) {
    keep(as_given, "bigmac's columns");
    if (setups_.size() > 1)
      keep(build_bigmac({pipeline_, request_.costs, request_.base, {{"sort_microbatches", 1}}}),
           "bigmac's columns, microbatches sorted");
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
    const Filled filled = fill(clock, setup.sides, setup.placements[choice[kPlacement]],
                               {limit, mode.eager, mode.dynamic, mode.descending}, give_up_at);
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
    return time;
  }

  std::int64_t keep(Schedule schedule, std::string how) {
    const auto time = order_time(pipeline_, request_.costs, schedule);
    if (!time) return kNever;
    if (best_.found && *time >= best_.time) return *time;
    best_.schedule = std::move(schedule);
    best_.time = *time;
    best_.how = std::move(how);
    best_.found = true;
    return *time;
  }

  const ScheduleRequest& request_;
  const Pipeline& pipeline_;
  const std::vector<Setup> setups_;
  std::int64_t bound_ = 0;
  std::size_t modes_ = 2;
  std::vector<Choice> tried_, closed_;  // at this limit; at one that did not bind
  bool any_open_ = false;
  Choice best_choice_{};
  Best best_;
};

}  // namespace

Best best_candidate(const ScheduleRequest& request, std::uint32_t live_limit) {
  return Candidates(request).run(live_limit);
}

}  // namespace bigmac::hybrid
