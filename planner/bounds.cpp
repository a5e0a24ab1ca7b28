// Bounds of a plan before any of its schedules is built.
#include <algorithm>

#include "bigmac/planner/evaluate.h"
#include "bigmac/schedule/rides.h"

namespace bigmac {
namespace {

std::int64_t duration_of(const CostTable& table, ModuleId module, OpKind kind, std::uint32_t stage, std::uint32_t m) {
  return table.duration[table.slot(module, kind, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{m})].value;
}

std::int64_t side_work(const PlanCosts& costs, const std::vector<ModuleId>& modules) {
  std::int64_t sum = 0;
  for (const ModuleId module : modules)
    for (std::uint32_t i = 0; i < costs.pipeline.microbatches; ++i)
      for (const OpKind kind : {OpKind::forward, OpKind::backward})
        if (kind == OpKind::forward || costs.pipeline.modules[module].backward)
          for (std::uint32_t stage = 0; stage < costs.pipeline.modules[module].stages; ++stage)
            sum += duration_of(costs.table, module, kind, stage, i);
  return sum;
}

std::int64_t all_stages(const PlanCosts& costs, ModuleId module, OpKind kind, std::uint32_t m) {
  std::int64_t sum = 0;
  for (std::uint32_t stage = 0; stage < costs.pipeline.modules[module].stages; ++stage)
    sum += duration_of(costs.table, module, kind, stage, m);
  return sum;
}

// The least work of one microbatch's encoders, forward or backward: some encoder precedes the LLM and follows it.
std::int64_t least_encoder_pass(const PlanCosts& costs, OpKind kind) {
  std::int64_t least = INT64_MAX;
  for (std::uint32_t m = 0; m < costs.pipeline.microbatches; ++m) {
    std::int64_t longest = 0;
    for (const ModuleId encoder : costs.pipeline.encoders)
      if (kind == OpKind::forward || costs.pipeline.modules[encoder].backward)
        longest = std::max(longest, all_stages(costs, encoder, kind, m));
    least = std::min(least, longest);
  }
  return least;
}

/// What one rank has to do and hold under the default placement of LLM stages.
struct RankDemand {
  std::int64_t work = 0;   // of one microbatch
  std::int64_t first = 0;  // F and B of its first stage, with the transfers to and from the next
  double activation = 0;   // of one microbatch
  double at_turn = 0;      // what is held when its first backward starts
};

// Every order of 1F1B's kind has (V-1)P + P-r forwards behind it on rank r when the first backward starts there (more
// with a longer warm-up), P of each chunk in turn.
RankDemand demand(const PlanCosts& costs, std::uint32_t rank) {
  RankDemand out;
  const Pipeline& pipeline = costs.pipeline;
  const CostTable& table = costs.table;
  std::int64_t forwards = std::min<std::int64_t>(std::int64_t{pipeline.microbatches} * pipeline.chunks,
                                                 std::int64_t{pipeline.chunks} * pipeline.ranks - rank);
  for (std::uint32_t stage = rank; stage < pipeline.stages(); stage += pipeline.ranks) {
    const StageId id{static_cast<std::uint16_t>(stage)};
    const std::uint32_t slot = table.slot(kLlm, OpKind::forward, id, MicrobatchId{0});
    const std::int64_t both = table.duration[slot].value + duration_of(table, kLlm, OpKind::backward, stage, 0);
    if (stage == rank) out.first = both + 2 * table.transfer[slot].value;
    out.work += both;
    const auto bytes = static_cast<double>(table.activation[slot].value);
    const std::int64_t of_chunk =
        std::clamp<std::int64_t>(forwards, 0, std::min(pipeline.ranks, pipeline.microbatches));
    forwards -= of_chunk;
    out.activation += bytes;
    out.at_turn += static_cast<double>(of_chunk) * bytes;
  }
  return out;
}

}  // namespace

// Under the default placement with whole backwards, all LLM work of rank r lies after the forwards of stages 0 .. r-1
// of its first microbatch and before their backwards of its last: T >= least Ef + sum over s < r of (F_s + B_s) + M
// work_r + least Eb.
QuickBound quick_bound(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, SidePlacement sides) {
  const Pipeline& pipeline = costs.pipeline;
  const std::vector<RankState> states = rank_states(job, plan, costs, default_residency(pipeline, sides));
  const std::int64_t encoders = side_work(costs, pipeline.encoders), generators = side_work(costs, pipeline.generators);
  const bool at_ends = sides == SidePlacement::first_and_last;
  std::int64_t before = least_encoder_pass(costs, OpKind::forward) + least_encoder_pass(costs, OpKind::backward);
  std::int64_t longest = 0;
  std::int64_t all = generators + std::max<std::int64_t>(0, encoders - most_riding_work(pipeline, costs.table).value);
  double memory = 0, all_memory = 0;
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank) {
    const RankDemand own = demand(costs, rank);
    const std::int64_t llm = own.work * pipeline.microbatches;
    const std::int64_t with_sides =
        llm + (at_ends && rank == 0 ? encoders : 0) + (at_ends && rank + 1 == pipeline.ranks ? generators : 0);
    longest = std::max({longest, with_sides, before + llm});
    before += own.first;
    all += llm;
    memory = std::max(memory, states[rank].total() + own.at_turn);
    all_memory += states[rank].total() + own.activation;
  }
  const std::int64_t mean = all / pipeline.ranks;
  // Where ranks are free to choose, some rank holds and does at least the mean.
  if (sides == SidePlacement::anywhere)
    return {Nanoseconds{mean}, Bytes{static_cast<std::int64_t>(all_memory / pipeline.ranks)}};
  return {Nanoseconds{std::max(longest, mean)}, Bytes{static_cast<std::int64_t>(memory)}};
}

}  // namespace bigmac
