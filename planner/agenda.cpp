#include "agenda.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

namespace bigmac {
namespace {

// The part of the budget kept for the ranking, and how many are taken before all are put in order again.
constexpr double kRankingShare = 0.5;
constexpr std::size_t kOrdered = 16;
constexpr double kHopeless = -std::numeric_limits<double>::infinity();

void sort_by_bound(std::vector<Candidate>& candidates) {
  std::stable_sort(candidates.begin(), candidates.end(),
                   [](const auto& a, const auto& b) { return a.bound.step < b.bound.step; });
}

}  // namespace

Agenda::Agenda(std::vector<Candidate> closed, std::vector<Candidate> thorough, std::size_t plans, double budget,
               Bytes limit)
    : closed_(std::move(closed)),
      thorough_(std::move(thorough)),
      seen_(plans),
      fastest_(plans),
      limit_(limit),
      budget_(budget * kRankingShare),
      kept_for_front_(budget * (1 - kRankingShare)) {
  sort_by_bound(closed_);
  sort_by_bound(thorough_);
}

void Agenda::saw(std::size_t plan, Bytes memory, Nanoseconds step) {
  std::optional<Bytes>& least = seen_[plan];
  if (!least || memory < *least) least = memory;
  std::optional<Nanoseconds>& fastest = fastest_[plan];
  if (step.value > 0 && (!fastest || step < *fastest)) fastest = step;
}

std::optional<Candidate> Agenda::next(Standing& standing) {
  std::optional<Candidate> found = next_closed(standing);
  if (!found) found = next_thorough(standing);
  if (found) ++tried_;
  return found;
}

std::optional<Candidate> Agenda::next_closed(Standing& standing) {
  while (next_closed_ < closed_.size()) {
    const Candidate& candidate = closed_[next_closed_++];
    if (standing.can_matter(candidate)) return candidate;
    standing.counts.pruned_bound += candidate.variants;
  }
  return std::nullopt;
}

std::optional<Candidate> Agenda::next_thorough(Standing& standing) {
  while (phase_ != Phase::over) {
    if (order_.empty()) order_anew(standing);
    if (order_.empty()) {
      phase_ = phase_ == Phase::ranking ? Phase::front : Phase::over;
      budget_ += std::exchange(kept_for_front_, 0);
      continue;
    }
    const std::size_t at = order_.back();
    order_.pop_back();
    const Candidate& candidate = thorough_[at];
    if (static_cast<double>(candidate.work) > budget_ || promise(standing, candidate) <= kHopeless) continue;
    budget_ -= static_cast<double>(candidate.work);
    taken_.push_back(at);
    return candidate;
  }
  return std::nullopt;
}

// What a candidate may come to: the bound of its time, and the memory that closed forms needed on the same plan; a
// plan on which none was worth trying, or none fitted, comes last.
std::pair<bool, QuickBound> Agenda::expectation(const Candidate& candidate) const {
  const std::optional<Bytes>& least = seen_[candidate.unit.plan];
  if (!least || *least > limit_) return {false, candidate.bound};
  return {true, {candidate.bound.step, std::max(candidate.bound.memory, *least)}};
}

double Agenda::promise(const Standing& standing, const Candidate& candidate) const {
  if (!standing.can_matter(candidate)) return kHopeless;
  if (candidate.first) return std::numeric_limits<double>::max();
  const QuickBound expected = expectation(candidate).second;
  if (phase_ == Phase::front) return standing.gain(expected);
  if (!standing.may_rank(expected)) return kHopeless;
  // A step lies between its bound and what others took on the plan; bounds alone are too hopeful where they are low.
  const Nanoseconds others = fastest_[candidate.unit.plan].value_or(expected.step);
  return -0.5 * static_cast<double>((expected.step + std::max(expected.step, others)).value);
}

// Takes out what was begun and what can no longer matter; then the most promising, up to kOrdered that the budget
// allows.
void Agenda::order_anew(Standing& standing) {
  for (const std::size_t at : taken_) thorough_[at].variants = 0;
  taken_.clear();
  std::erase_if(thorough_, [&](const Candidate& candidate) {
    const bool skip = candidate.variants > 0 && !standing.can_matter(candidate);
    if (skip) standing.counts.pruned_bound += candidate.variants;
    return skip || candidate.variants == 0;
  });
  std::vector<std::tuple<bool, double, std::size_t>> all;
  for (std::size_t i = 0; i < thorough_.size(); ++i) {
    const double promised = promise(standing, thorough_[i]);
    if (promised > kHopeless && static_cast<double>(thorough_[i].work) <= budget_)
      all.emplace_back(!expectation(thorough_[i]).first, -promised, i);
  }
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(all.size(), kOrdered));
  std::partial_sort(all.begin(), end, all.end());
  for (auto it = end; it != all.begin();) order_.push_back(std::get<2>(*--it));
}

std::vector<Candidate> Agenda::end(Standing& standing) {
  phase_ = Phase::over;
  order_.clear();
  order_anew(standing);
  std::vector<Candidate> left;
  for (; next_closed_ < closed_.size(); ++next_closed_) {
    const Candidate& candidate = closed_[next_closed_];
    if (standing.can_matter(candidate)) left.push_back(candidate);
    else standing.counts.pruned_bound += candidate.variants;
  }
  left.insert(left.end(), thorough_.begin(), thorough_.end());
  return left;
}

}  // namespace bigmac
