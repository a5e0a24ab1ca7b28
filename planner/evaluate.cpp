#include "bigmac/planner/evaluate.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/space.h"
#include "bigmac/schedule/registry.h"
#include "bigmac/schedule/residency.h"
#include "plan_facts.h"

namespace bigmac {
namespace {

Nanoseconds step_time(Nanoseconds iteration, const OutsidePipeline& outside) {
  return iteration + Nanoseconds{std::llround(1e3 * outside.total_us())};
}

Bytes most_memory(const std::vector<RankState>& states, const std::vector<RankActivations>& ranks) {
  double most = 0;
  for (std::size_t r = 0; r < states.size(); ++r)
    most = std::max(most, states[r].total() + static_cast<double>(ranks[r].peak_with_transient.value));
  return Bytes{std::llround(most)};
}

// What the order alone needs: no less than simulating it would find.
Bytes order_memory(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const Schedule& schedule,
                   const Residency& where) {
  return most_memory(rank_states(job, plan, costs, where), activations_in_order(costs.pipeline, schedule, costs.table));
}

void describe(const ParallelPlan& plan, const PlanCosts& costs, const Schedule& schedule, Evaluation& out) {
  out.plan = plan;
  out.schedule = schedule.name;
  out.base = schedule.base;
  out.microbatches = costs.pipeline.microbatches;
}

void fill(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const Residency& where,
          const Outcome& outcome, Evaluation& out) {
  out.iteration = outcome.iteration;
  out.step = step_time(outcome.iteration, outside_pipeline(job, plan, costs, where));
  out.memory = most_memory(rank_states(job, plan, costs, where), outcome.ranks);
  out.bubble = outcome.bubble_fraction;
  const double seconds = 1e-9 * static_cast<double>(out.step.value);
  const double peak = 1e12 * job.cluster->gpu.bf16_tflops * plan.gpus() / plan.dp;
  out.mfu = seconds > 0 ? costs.model_flops / (seconds * peak) : 0;
}

std::int64_t duration_of(const CostTable& table, ModuleId module, OpKind kind, std::uint32_t stage, std::uint32_t m) {
  return table.duration[table.slot(module, kind, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{m})].value;
}

std::int64_t side_work(const PlanCosts& costs, const std::vector<ModuleId>& modules) {
  std::int64_t sum = 0;
  for (const ModuleId module : modules)
    for (std::uint32_t i = 0; i < costs.pipeline.microbatches; ++i)
      for (const OpKind kind : {OpKind::forward, OpKind::backward})
        if (kind == OpKind::forward || costs.pipeline.modules[module].backward)
          sum += duration_of(costs.table, module, kind, 0, i);
  return sum;
}

}  // namespace

std::string Evaluation::label() const {
  std::string text = fmt::format("tp{} pp{}", plan.tp, plan.pp);
  if (plan.vpp > 1) text += fmt::format(" v{}", plan.vpp);
  text += fmt::format(" dp{}", plan.dp);
  if (plan.cp > 1) text += fmt::format(" cp{}", plan.cp);
  if (plan.ep > 1) text += fmt::format(" ep{}", plan.ep);
  if (plan.encoder_tp > 1) text += fmt::format(" enc-tp{}", plan.encoder_tp);
  if (plan.generator_tp > 1) text += fmt::format(" gen-tp{}", plan.generator_tp);
  if (plan.shard_sides) text += " fsdp";
  return text + fmt::format(" mb{} {}", plan.micro_batch, name(plan.recompute));
}

std::string Evaluation::schedule_label() const {
  std::string label = schedule;
  for (const ScheduleParameter& parameter : find_schedule(schedule).parameters)
    if (const auto set = parameters.find(parameter.name); set != parameters.end() && set->second != parameter.fallback)
      label += fmt::format(fmt::runtime(parameter.tag), set->second);
  return label;
}

QuickBound quick_bound(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, SidePlacement sides) {
  const Pipeline& pipeline = costs.pipeline;
  const std::vector<RankState> states = rank_states(job, plan, costs, default_residency(pipeline, sides));
  const std::int64_t encoders = side_work(costs, pipeline.encoders), generators = side_work(costs, pipeline.generators);
  const bool at_ends = sides == SidePlacement::first_and_last;
  std::int64_t busiest = 0, all = encoders + generators;
  double memory = 0, all_memory = 0;
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank) {
    std::int64_t work = 0;
    double held = states[rank].total();
    for (std::uint32_t stage = rank; stage < pipeline.stages(); stage += pipeline.ranks) {
      work += duration_of(costs.table, kLlm, OpKind::forward, stage, 0) +
              duration_of(costs.table, kLlm, OpKind::backward, stage, 0);
      const StageId id{static_cast<std::uint16_t>(stage)};
      held += static_cast<double>(
          costs.table.activation[costs.table.slot(kLlm, OpKind::forward, id, MicrobatchId{0})].value);
    }
    work *= pipeline.microbatches;
    all += work;
    if (at_ends && rank == 0) work += encoders;
    if (at_ends && rank + 1 == pipeline.ranks) work += generators;
    busiest = std::max(busiest, work);
    memory = std::max(memory, held);
    all_memory += held;
  }
  const std::int64_t mean = all / pipeline.ranks;
  // Where ranks are free to choose, some rank holds and does at least the mean.
  if (sides == SidePlacement::anywhere)
    return {Nanoseconds{mean}, Bytes{static_cast<std::int64_t>(all_memory / pipeline.ranks)}};
  return {Nanoseconds{std::max(busiest, mean)}, Bytes{static_cast<std::int64_t>(memory)}};
}

std::optional<Evaluation> evaluate(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                   const ScheduleChoice& choice, Bytes memory_limit) {
  const ScheduleRequest request{costs.pipeline, costs.table, choice.base, choice.parameters};
  if (!schedule_fits(find_schedule(choice.name), request)) return std::nullopt;
  const Schedule schedule = build_schedule(choice.name, request);
  const Residency where = residency(costs.pipeline, schedule);
  Evaluation out;
  out.parameters = choice.parameters;
  describe(plan, costs, schedule, out);
  out.memory = order_memory(job, plan, costs, schedule, where);
  if (out.memory > memory_limit) return out;
  const auto result = simulate_quickly(costs.pipeline, costs.table, schedule);
  const auto* outcome = std::get_if<Outcome>(&result);
  if (outcome == nullptr) return std::nullopt;
  fill(job, plan, costs, where, *outcome, out);
  return out;
}

DetailedPlan work_out(const Job& job, const PlanCosts& costs, const Evaluation& evaluation) {
  DetailedPlan out;
  out.file.generator_name = "bigmac-plan";
  out.file.job = job;
  out.file.pipeline = costs.pipeline;
  out.file.costs = costs.table;
  out.file.schedule =
      build_schedule(evaluation.schedule, {costs.pipeline, costs.table, evaluation.base, evaluation.parameters});
  auto result = simulate(costs.pipeline, costs.table, out.file.schedule);
  BIGMAC_CHECK(std::holds_alternative<Outcome>(result));
  out.outcome = std::move(std::get<Outcome>(result));
  out.evaluation.parameters = evaluation.parameters;
  describe(evaluation.plan, costs, out.file.schedule, out.evaluation);
  fill(job, evaluation.plan, costs, residency(costs.pipeline, out.file.schedule), out.outcome, out.evaluation);

  out.evaluation.bound_by = bottleneck(costs.pipeline, costs.table, out.file.schedule, out.outcome);
  out.file.plan = plan_facts(job, costs, out.evaluation, out.file.schedule, out.outcome);
  return out;
}

}  // namespace bigmac
