#include "standing.h"

#include <algorithm>
#include <tuple>

namespace bigmac {
namespace {

auto ranking(Objective objective, const Evaluation& e) {
  const std::int64_t time = e.step.value, memory = e.memory.value;
  return objective == Objective::memory ? std::tuple(memory, time, e.label(), e.schedule_label())
                                        : std::tuple(time, memory, e.label(), e.schedule_label());
}

/// A setting that changed nothing.
bool same_result(const Evaluation& a, const Evaluation& b) {
  return a.step == b.step && a.memory == b.memory && a.plan == b.plan && a.schedule == b.schedule && a.base == b.base;
}

}  // namespace

Standing::Standing(Objective objective, std::size_t shown, Bytes limit)
    : objective_(objective), shown_(shown), limit_(limit) {}

void Standing::take(const std::optional<Evaluation>& evaluation) {
  if (!evaluation) {
    ++counts.refused;
    return;
  }
  if (evaluation->memory > limit_) {
    ++counts.over_memory;
    return note_miss(evaluation);
  }
  ++counts.simulated;
  front_.add(*evaluation);
  rank(*evaluation);
}

void Standing::rank(const Evaluation& evaluation) {
  const auto same =
      std::find_if(best_.begin(), best_.end(), [&](const Evaluation& other) { return same_result(other, evaluation); });
  if (same != best_.end()) {
    if (evaluation.schedule_label() >= same->schedule_label()) return;
    best_.erase(same);
  }
  const auto before = [&](const Evaluation& a, const Evaluation& b) {
    return ranking(objective_, a) < ranking(objective_, b);
  };
  best_.insert(std::upper_bound(best_.begin(), best_.end(), evaluation, before), evaluation);
  if (best_.size() > shown_) best_.pop_back();
}

void Standing::note_miss(const std::optional<Evaluation>& found) {
  if (found && (!miss_ || ranking(Objective::memory, *found) < ranking(Objective::memory, *miss_))) miss_ = found;
}

bool Standing::may_rank(const QuickBound& bound) const {
  if (best_.size() < shown_ || best_.empty()) return true;
  const Evaluation& last = best_.back();
  return objective_ == Objective::memory ? bound.memory <= last.memory : bound.step <= last.step;
}

bool Standing::can_matter(const Candidate& candidate) const {
  return may_rank(candidate.bound) ||
         std::any_of(candidate.corners.begin(), candidate.corners.end(),
                     [&](const QuickBound& corner) { return !front_.dominates(corner.step, corner.memory); });
}

double Standing::gain(const QuickBound& bound) const {
  const std::optional<Nanoseconds> least = front_.least_step_within(bound.memory);
  if (!least || bound.step.value <= 0) return 2;
  return std::min(2.0, static_cast<double>(least->value) / static_cast<double>(bound.step.value));
}

}  // namespace bigmac
