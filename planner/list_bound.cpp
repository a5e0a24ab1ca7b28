// Bounds of a list of all layers (Megatron-LM balanced) before its schedule is built.
//
// Stage s is on rank s mod P with whole backwards, so all work w(r) of rank r lies after the forwards of stages 0 ..
// r-1 of its first microbatch and before their backwards of its last: T >= sum over s < r of the least F_s + B_s +
// w(r). Work is a sum of what was rounded to whole nanoseconds pass by pass, three roundings each: 2 ns a pass are
// taken off. Memory: when rank r's first backward starts, (V-1) min(P, M) + min(P-r, M) forwards have run there, of
// which the LLM's layers alone are counted; a stage of the list holds the same of them for every microbatch.
#include <algorithm>
#include <cmath>

#include "bounds.h"

namespace bigmac {
namespace {

double kept_at_turn(const PlanCosts& costs, std::uint32_t rank) {
  const Pipeline& pipeline = costs.pipeline;
  double bytes = 0;
  for (std::uint32_t stage = rank; stage < pipeline.stages(); stage += pipeline.ranks) {
    const bool last = stage + pipeline.ranks >= pipeline.stages();
    double own = 0;
    for (std::uint32_t i = costs.partition[stage]; i < costs.partition[stage + 1]; ++i)
      own += costs.llm->layers[i].activation_bytes;
    bytes += own * std::min(pipeline.microbatches, last ? pipeline.ranks - rank : pipeline.ranks);
  }
  return bytes;
}

}  // namespace

std::vector<QuickBound> list_bounds(const Job& job, const ParallelPlan& plan, const PlanCosts& apart) {
  if (!takes_one_list(job, plan)) return {};
  ParallelPlan own = plan;
  own.one_list = OneList::by_time;
  const ListOutline list = list_outline(job, own, apart);
  const Pipeline& pipeline = list.costs.pipeline;
  const std::vector<RankState> states =
      rank_states(job, own, list.costs, default_residency(pipeline, SidePlacement::one_list));
  double before = 0, longest = 0, fullest = 0;
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank) {
    double work = 0;
    for (std::uint32_t stage = rank; stage < pipeline.stages(); stage += pipeline.ranks) work += list.work_us[stage];
    longest = std::max(longest, before + work);
    before += list.least_us[rank];
    fullest = std::max(fullest, states[rank].total() + kept_at_turn(list.costs, rank));
  }
  const double rounding_ns = 2.0 * pipeline.stages() * (pipeline.microbatches + 1.0);
  const double ns = 1e3 * (longest + job.cluster->training.step_us) - rounding_ns;
  return {{Nanoseconds{static_cast<std::int64_t>(std::max(0.0, ns))},
           Bytes{static_cast<std::int64_t>(std::max(0.0, fullest - 2.0 * pipeline.stages() * pipeline.microbatches))}}};
}

}  // namespace bigmac
