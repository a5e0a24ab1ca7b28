// What a search tries next. Private to the planner.
//
// Closed forms come first, the least bound first, all that may matter. Then schedules that search while they build,
// half of the budget for plans that may enter the ranking, half where the front may gain most.
#pragma once

#include <optional>
#include <vector>

#include "candidate.h"
#include "standing.h"

namespace bigmac {

class Agenda {
 public:
  /// `plans`: how many there are; `budget`: work for schedules that search while they build.
  Agenda(std::vector<Candidate> closed, std::vector<Candidate> thorough, std::size_t plans, double budget, Bytes limit);

  /// Depends only on what was taken and seen before and on `standing`, which counts what is left out on the way.
  /// Nothing: no more at all.
  std::optional<Candidate> next(Standing& standing);
  /// A schedule on this plan needed so much memory, and took so long: no time where it was not timed.
  void saw(std::size_t plan, Bytes memory, Nanoseconds step);

  /// How many candidates may come before the first one's result has to be known.
  std::size_t ahead() const { return next_closed_ < closed_.size() ? kClosedAhead : kThoroughAhead; }
  std::size_t tried() const { return tried_; }
  std::size_t untried() const { return closed_.size() - next_closed_ + thorough_.size(); }
  /// Ends the agenda: what can still matter was left.
  std::vector<Candidate> end(Standing& standing);

 private:
  enum class Phase { ranking, front, over };
  /// A dear schedule's result may make others needless, so fewer are begun without it; enough to keep a machine's cores
  /// busy while the dearest is under way.
  static constexpr std::size_t kClosedAhead = 64, kThoroughAhead = 16;

  std::optional<Candidate> next_closed(Standing& standing);
  std::optional<Candidate> next_thorough(Standing& standing);
  void order_anew(Standing& standing);
  double promise(const Standing& standing, const Candidate& candidate) const;
  std::pair<bool, QuickBound> expectation(const Candidate& candidate) const;

  std::vector<Candidate> closed_, thorough_;         // of the second kind, those not tried
  std::vector<std::optional<Bytes>> seen_;           // by plan: the least memory that any schedule needed there
  std::vector<std::optional<Nanoseconds>> fastest_;  // by plan: the least step of any schedule there
  Bytes limit_;
  std::size_t next_closed_ = 0, tried_ = 0;
  Phase phase_ = Phase::ranking;
  double budget_, kept_for_front_;
  std::vector<std::size_t> order_, taken_;  // of thorough_: the most promising ones, last first; those begun
};

}  // namespace bigmac
