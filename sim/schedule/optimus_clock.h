// When the operations of given orders run: the schedule room's own small recurrence. Private to it.
//
// The engine times finished schedules; a builder that compares candidates needs the same numbers before there is a
// schedule. Rank after rank goes on as far as its inputs allow, every operation as soon as it can; an operation takes
// what another rank makes a transfer later. Parts count as in the engine: part k of n lasts
// floor(c(k+1)/n) - floor(ck/n), inputs are those of part 0, consumers wait for the last.
#pragma once

#include <optional>
#include <utility>

#include "bigmac/schedule/llm_base.h"

namespace bigmac {

/// By microbatch: the rank of its encoder work; of encoders of several stages the first of its consecutive ranks.
using Owners = std::vector<std::uint32_t>;

struct ClockRules {
  const Owners* owners = nullptr;  ///< null: the LLM alone, as if the encoders' outputs were there
  std::int64_t least_duration = 0;
  /// By microbatch: F on stage 0 starts no sooner; null: no such limit.
  const std::vector<std::int64_t>* not_before = nullptr;
  bool keep_starts = false;
  std::uint32_t turned = 0;  ///< how encoder pipelines lie (rank_of_stage)
};

struct OrderTimes {
  std::int64_t span = 0;                                       ///< end of the last operation
  std::vector<std::vector<std::int64_t>> starts;               ///< [rank][index], when kept
  std::vector<std::pair<std::uint32_t, std::uint32_t>> order;  ///< (rank, index) topologically, when kept
};

/// How long part k of n of a cost lasts.
constexpr std::int64_t part_length(std::int64_t cost, std::int64_t k, std::int64_t n) {
  const std::int64_t quotient = cost / n, rest = cost % n;
  return quotient + rest * (k + 1) / n - rest * k / n;
}

/// Times F and B of the LLM and of encoders; nothing when the orders deadlock.
std::optional<OrderTimes> time_orders(const Pipeline& pipeline, const CostTable& costs, const RankOrders& orders,
                                      const ClockRules& rules);

}  // namespace bigmac
