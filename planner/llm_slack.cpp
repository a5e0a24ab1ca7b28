#include "llm_slack.h"

#include <algorithm>

namespace bigmac {

std::vector<RankSlack> llm_slack(const Pipeline& pipeline, const Schedule& schedule, const Outcome& outcome) {
  const auto us = [](Nanoseconds time) { return 1e-3 * static_cast<double>(time.value); };
  std::vector<RankSlack> slack(pipeline.ranks);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank) {
    const std::uint32_t begin = schedule.first[rank], end = schedule.first[rank + 1];
    const auto times = [&](std::uint32_t op) { return op_times(outcome.graph, outcome.slots, outcome.timing, op); };
    const auto is_llm = [&](std::uint32_t op) { return schedule.ops[op].module == kLlm; };
    std::uint32_t first = begin, last = end;
    while (first < end && !is_llm(first)) ++first;
    while (last > first && !is_llm(last - 1)) --last;
    if (first == end) slack[rank] = {us(outcome.iteration), us(outcome.iteration)};
    else slack[rank] = {us(times(first).start), us(outcome.iteration - times(last - 1).end)};
  }
  return slack;
}

}  // namespace bigmac
