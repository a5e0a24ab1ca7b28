// What a search has found so far, and what can still matter to it. Private to the planner.
#pragma once

#include <optional>

#include "bigmac/planner/search.h"
#include "candidate.h"
#include "pareto.h"

namespace bigmac {

class Standing {
 public:
  Standing(Objective objective, std::size_t shown, Bytes limit);

  /// Counts what became of one candidate and keeps it where it belongs; of settings that changed nothing the one whose
  /// label comes first.
  void take(const std::optional<Evaluation>& evaluation);
  /// Of plans above the limit, the one that needs least.
  void note_miss(const std::optional<Evaluation>& found);

  /// Whether a plan within these bounds could enter the ranking.
  bool may_rank(const QuickBound& bound) const;
  /// Whether a plan at or above one of a candidate's corners could enter the ranking or the front.
  bool can_matter(const Candidate& candidate) const;
  /// By what factor a plan at these bounds would beat what the front offers in its memory; at most 2.
  double gain(const QuickBound& bound) const;

  const std::vector<Evaluation>& best() const { return best_; }
  const ParetoFront& front() const { return front_; }
  const std::optional<Evaluation>& miss() const { return miss_; }

  SearchCounts counts;

 private:
  void rank(const Evaluation& evaluation);

  Objective objective_;
  std::size_t shown_;
  Bytes limit_;
  std::vector<Evaluation> best_;
  ParetoFront front_;
  std::optional<Evaluation> miss_;
};

}  // namespace bigmac
