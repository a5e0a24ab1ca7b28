// The front of step time against memory. Private to the planner.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bigmac/planner/evaluate.h"

namespace bigmac {

/// Keeps the plans that no other plan beats in both; of equals the first by label and schedule.
class ParetoFront {
 public:
  void add(const Evaluation& evaluation);
  /// Whether some plan on the front is at least as fast and as small.
  bool dominates(Nanoseconds step, Bytes memory) const;
  /// The fastest plan's step among those that need no more memory.
  std::optional<Nanoseconds> least_step_within(Bytes memory) const;
  std::vector<Evaluation> plans() const;  ///< fastest first

 private:
  std::map<std::int64_t, Evaluation> by_step_;  // memory falls as the step grows
};

}  // namespace bigmac
