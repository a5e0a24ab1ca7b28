#include "pareto.h"

#include <iterator>

namespace bigmac {

bool ParetoFront::dominates(Nanoseconds step, Bytes memory) const {
  auto after = by_step_.upper_bound(step.value);
  return after != by_step_.begin() && std::prev(after)->second.memory <= memory;
}

void ParetoFront::add(const Evaluation& evaluation) {
  const auto same = by_step_.find(evaluation.step.value);
  if (same != by_step_.end() && same->second.memory == evaluation.memory) {
    const auto name = [](const Evaluation& e) { return e.label() + " " + e.schedule_label(); };
    if (name(evaluation) < name(same->second)) same->second = evaluation;
    return;
  }
  if (dominates(evaluation.step, evaluation.memory)) return;
  auto at = by_step_.lower_bound(evaluation.step.value);
  while (at != by_step_.end() && at->second.memory >= evaluation.memory) at = by_step_.erase(at);
  by_step_.emplace(evaluation.step.value, evaluation);
}

std::optional<Nanoseconds> ParetoFront::least_step_within(Bytes memory) const {
  for (const auto& [step, evaluation] : by_step_)
    if (evaluation.memory <= memory) return Nanoseconds{step};
  return std::nullopt;
}

std::vector<Evaluation> ParetoFront::plans() const {
  std::vector<Evaluation> out;
  for (const auto& [step, evaluation] : by_step_) out.push_back(evaluation);
  return out;
}

}  // namespace bigmac
