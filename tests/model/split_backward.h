// What the tests of split backwards share: jobs with F, I and W of their own, and a rank's idle time in its own span.
#pragma once

#include "support.h"

namespace bigmac::test {

struct SplitCosts {
  std::int64_t forward = 1000, input_gradient = 1000, weight_gradient = 1000, transfer = 0;

  std::int64_t all() const { return forward + input_gradient + weight_gradient; }
};

inline ScheduleFile split_file(std::int64_t ranks, std::int64_t chunks, std::int64_t microbatches, SplitCosts costs) {
  const auto constant = [](std::int64_t value) { return CostSeries{1, 1, {value}}; };
  GivenModuleCosts llm = given("llm", costs.forward, costs.input_gradient + costs.weight_gradient, 100, costs.transfer);
  llm.input_gradient = constant(costs.input_gradient);
  llm.weight_gradient = constant(costs.weight_gradient);
  ScheduleFile file;
  file.pipeline = make_pipeline(ranks, chunks, microbatches, {}, {}, "test");
  file.costs = cost_table_from(file.pipeline, {llm});
  return file;
}

/// Idle time between a rank's first start and its last end: the bubble as the zero-bubble papers count it, which leaves
/// the optimizer step out.
inline std::int64_t idle_in_own_span(const ScheduleFile& file, const Outcome& outcome, std::uint32_t rank) {
  const auto times = [&](std::uint32_t i) { return op_times(outcome.graph, outcome.slots, outcome.timing, i); };
  const Nanoseconds start = times(file.schedule.first[rank]).start;
  const Nanoseconds end = times(file.schedule.first[rank + 1] - 1).end;
  return (end - start - outcome.ranks[rank].busy).value;
}

inline std::int64_t most_idle(const ScheduleFile& file, const Outcome& outcome) {
  std::int64_t most = 0;
  for (std::uint32_t rank = 0; rank < file.pipeline.ranks; ++rank)
    most = std::max(most, idle_in_own_span(file, outcome, rank));
  return most;
}

inline std::uint32_t most_live(const Outcome& outcome) {
  std::uint32_t most = 0;
  for (const RankActivations& rank : outcome.ranks) most = std::max(most, live(rank, Role::llm));
  return most;
}

}  // namespace bigmac::test
