#include "bigmac/report/outcome.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bigmac/engine/lower_bound.h"
#include "bigmac/schedule/job_bound.h"

namespace bigmac {

std::variant<Outcome, Fault> simulate(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule) {
  auto result = simulate_quickly(pipeline, costs, schedule);
  if (auto* outcome = std::get_if<Outcome>(&result)) {
    outcome->lower_bound = placement_lower_bound(pipeline, schedule, costs, outcome->graph);
    if (const LiveLimits limits = kept_limits(pipeline, schedule); limits.any()) {
      const Nanoseconds within = job_lower_bound(pipeline, costs, limits);
      outcome->bound_by_limits = within > outcome->lower_bound;
      outcome->lower_bound = std::max(outcome->lower_bound, within);
    }
  }
  return result;
}

std::variant<Outcome, Fault> simulate_quickly(const Pipeline& pipeline, const CostTable& costs,
                                              const Schedule& schedule) {
  auto lowered = lower(pipeline, schedule, costs);
  if (auto* fault = std::get_if<Fault>(&lowered)) return std::move(*fault);
  Outcome outcome;
  outcome.graph = std::move(std::get<TaskGraph>(lowered));
  outcome.slots = slot_costs(outcome.graph, costs);
  time_tasks(outcome.graph, outcome.slots, outcome.timing);
  outcome.ranks = account_activations(pipeline, schedule, costs, outcome.graph, outcome.slots, outcome.timing);
  outcome.iteration = outcome.timing.iteration;
  double busy = 0;
  for (const RankActivations& rank : outcome.ranks) busy += static_cast<double>(rank.busy.value);
  if (outcome.iteration.value > 0)
    outcome.bubble_fraction =
        1 - busy / static_cast<double>(pipeline.ranks) / static_cast<double>(outcome.iteration.value);
  return outcome;
}

std::string bottleneck(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule,
                       const Outcome& outcome) {
  const auto busiest = std::max_element(outcome.ranks.begin(), outcome.ranks.end(),
                                        [](const auto& a, const auto& b) { return a.busy < b.busy; });
  const auto rank = static_cast<std::uint32_t>(busiest - outcome.ranks.begin());
  const double busy = static_cast<double>(busiest->busy.value), whole = static_cast<double>(outcome.iteration.value);
  if (whole <= 0) return "nothing to do";
  std::array<double, kRoles> by_role{};
  for (const Op& op : schedule.rank_ops(RankId{rank}))
    by_role[static_cast<std::size_t>(pipeline.modules[op.module].role)] +=
        static_cast<double>(costs.duration[costs.slot(op)].value) / op.parts;
  if (busy < 0.85 * whole && outcome.bubble_fraction > 0.15 && busy < 1.1 * whole * (1 - outcome.bubble_fraction))
    return fmt::format("bubbles: {:.0f} % idle", 100 * outcome.bubble_fraction);
  const auto most = std::max_element(by_role.begin(), by_role.end()) - by_role.begin();
  constexpr const char* kNames[kRoles] = {"encoder", "LLM", "generator"};
  return fmt::format("rank {} busy {:.0f} %, {} {:.0f} % of it", rank, 100 * busy / whole, kNames[most],
                     100 * by_role[static_cast<std::size_t>(most)] / std::max(busy, 1.0));
}

}  // namespace bigmac
