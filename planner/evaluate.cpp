#include "bigmac/planner/evaluate.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/space.h"
#include "bigmac/schedule/registry.h"
#include "bigmac/schedule/residency.h"
#include "bigmac/schedule/rides.h"
#include "llm_slack.h"
#include "parallel_for.h"
#include "plan_facts.h"

namespace bigmac {
namespace {

bool can_limit_memory(const ScheduleChoice& choice) {
  const std::vector<ScheduleParameter>& known = find_schedule(choice.name).parameters;
  return choice.parameters.count(kMemoryLimit) == 0 &&
         std::any_of(known.begin(), known.end(), [](const ScheduleParameter& p) { return p.name == kMemoryLimit; });
}

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

void fill(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const Schedule& schedule,
          const Outcome& outcome, Evaluation& out) {
  const Residency where = residency(costs.pipeline, schedule);
  const std::vector<RankSlack> slack = llm_slack(costs.pipeline, schedule, outcome);
  out.iteration = outcome.iteration;
  out.step = step_time(outcome.iteration, outside_pipeline(job, plan, costs, where, slack));
  out.memory = most_memory(rank_states(job, plan, costs, where), outcome.ranks);
  out.bubble = outcome.bubble_fraction;
  const double seconds = 1e-9 * static_cast<double>(out.step.value);
  const double peak = 1e12 * job.cluster->gpu.bf16_tflops * plan.gpus() / plan.dp;
  out.mfu = seconds > 0 ? costs.model_flops / (seconds * peak) : 0;
}

/// Nothing where the schedule does not take the pipeline, or finds no order within the limits it was given.
std::optional<Schedule> schedule_if_any(const std::string& name, const ScheduleRequest& request) {
  const ScheduleInfo& info = find_schedule(name);
  check_choice(info, request.base, request.parameters);
  if (!schedule_fits(info, request)) return std::nullopt;
  try {
    return build_schedule(name, request);
  } catch (const Error& refusal) {
    if (refusal.code() != ErrorCode::bad_input) throw;
    return std::nullopt;
  }
}

}  // namespace

std::string Evaluation::label() const {
  std::string text = fmt::format("tp{} pp{}", plan.tp, plan.pp);
  if (plan.vpp > 1) text += fmt::format(" v{}", plan.vpp);
  text += fmt::format(" dp{}", plan.dp);
  if (plan.cp > 1) text += fmt::format(" cp{}", plan.cp);
  if (plan.ep > 1) text += fmt::format(" ep{}", plan.ep);
  if (plan.encoder_tp > 1) text += fmt::format(" enc-tp{}", plan.encoder_tp);
  if (plan.encoder_pp > 1) text += fmt::format(" enc-pp{}", plan.encoder_pp);
  if (plan.generator_tp > 1) text += fmt::format(" gen-tp{}", plan.generator_tp);
  if (plan.shard_sides) text += " fsdp";
  if (!plan.shard_optimizer) text += " ddp";
  text += fmt::format(" mb{} {}", plan.micro_batch, name(plan.recompute));
  if (plan.encoder_recompute || plan.generator_recompute)
    text += fmt::format("/{}", name(plan.recompute_of_encoders()));
  if (plan.generator_recompute) text += fmt::format("/{}", name(plan.recompute_of_generators()));
  return text;
}

std::string Evaluation::schedule_label() const {
  std::string label = schedule;
  for (const ScheduleParameter& parameter : find_schedule(schedule).parameters)
    if (const auto set = parameters.find(parameter.name); set != parameters.end() && set->second != parameter.fallback)
      label += fmt::format(fmt::runtime(parameter.tag), set->second);
  return label;
}

ParallelPlan plan_under(const Job& job, ParallelPlan plan, const ScheduleChoice& choice) {
  if (!job.model || (job.model->encoders.empty() && job.model->generators.empty())) return plan;
  if (!find_schedule(choice.name).one_list) return plan;
  const auto by_flops = choice.parameters.find("by_flops");
  const bool flops = by_flops != choice.parameters.end() && by_flops->second != 0;
  plan.one_list = flops ? OneList::by_flops : OneList::by_time;
  plan.encoder_pp = 1;
  return plan;
}

bool takes_one_list(const Job& job, const ParallelPlan& plan) {
  std::size_t layers = job.model->llm.layers.size();
  for (const auto* sides : {&job.model->encoders, &job.model->generators})
    for (const Module& side : *sides) layers += side.layers.size();
  const auto stages = static_cast<std::size_t>(plan.pp) * static_cast<std::size_t>(plan.vpp);
  // Encoders of several stages apart are no other list.
  if (plan.encoder_pp > 1 && !job.parallel.encoder_pp) return false;
  return !plan.shard_sides && plan.recompute != Recompute::partial && layers >= stages;
}

std::vector<HeldBytes> held_for(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                const ScheduleChoice& choice) {
  return choice.parameters.count(kMemoryLimit) > 0 ? held_bytes(job, plan, costs) : std::vector<HeldBytes>{};
}

PlanCosts costs_under(const Job& job, const ParallelPlan& own, const PlanCosts& costs) {
  if (own.shard_sides)
    throw Error(ErrorCode::bad_input, "parallel", "'shard_sides' with one list of layers: there are no sides to shard");
  return plan_costs(job, own, costs.pipeline.microbatches, {costs.llm, nullptr}, costs.encoders, costs.generators);
}

std::optional<Evaluation> evaluate(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                   const ScheduleChoice& choice, Bytes memory_limit) {
  if (const ParallelPlan own = plan_under(job, plan, choice); own != plan) {
    if (!takes_one_list(job, plan)) return std::nullopt;
    return evaluate(job, own, costs_under(job, own, costs), choice, memory_limit);
  }
  const ScheduleRequest request{costs.pipeline, costs.table, choice.base, choice.parameters,
                                held_for(job, plan, costs, choice)};
  const std::optional<Schedule> built = schedule_if_any(choice.name, request);
  if (!built) return std::nullopt;
  const Schedule& schedule = *built;
  const Residency where = residency(costs.pipeline, schedule);
  Evaluation out;
  out.parameters = choice.parameters;
  describe(plan, costs, schedule, out);
  out.memory = order_memory(job, plan, costs, schedule, where);
  const bool over = out.memory > memory_limit;
  if (over && can_limit_memory(choice)) {
    ScheduleChoice within = choice;
    within.parameters[kMemoryLimit] = memory_limit.value;
    const auto limited = evaluate(job, plan, costs, within, memory_limit);
    return limited ? limited : out;
  }
  if (over && choice.parameters.empty()) return out;  // else it may deadlock, and does not run in any memory
  const auto result =
      schedule.rides.empty()
          ? simulate_quickly(costs.pipeline, costs.table, schedule)
          : simulate_quickly(costs.pipeline, costs_as_run(costs.pipeline, costs.table, schedule.rides), schedule);
  if (over) return std::holds_alternative<Outcome>(result) ? std::optional(out) : std::nullopt;
  const auto* outcome = std::get_if<Outcome>(&result);
  if (outcome == nullptr) return std::nullopt;
  fill(job, plan, costs, schedule, *outcome, out);
  return out;
}

Evaluation evaluation_of(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const Schedule& schedule,
                         const Outcome& outcome) {
  Evaluation out;
  out.parameters = schedule.parameters;
  describe(plan, costs, schedule, out);
  fill(job, plan, costs, schedule, outcome, out);
  return out;
}

DetailedPlan work_out(const Job& job, const PlanCosts& costs, const Evaluation& evaluation) {
  const ParallelPlan own =
      plan_under(job, evaluation.plan, {evaluation.schedule, evaluation.base, evaluation.parameters});
  if (own != evaluation.plan) {
    Evaluation listed = evaluation;
    listed.plan = own;
    return work_out(job, costs_under(job, own, costs), listed);
  }
  const ScheduleChoice choice{evaluation.schedule, evaluation.base, evaluation.parameters};
  const ScheduleRequest request{costs.pipeline, costs.table, choice.base, choice.parameters,
                                held_for(job, evaluation.plan, costs, choice)};
  DetailedPlan out = work_out(job, costs, evaluation.plan, build_schedule(choice.name, request));
  out.evaluation.parameters = evaluation.parameters;
  return out;
}

void find_bottlenecks(const Job& job, const ProfileCache& cache, int threads, std::vector<Evaluation>& evaluations) {
  parallel_for(evaluations.size(), threads, [&](std::size_t i) {
    Evaluation& e = evaluations[i];
    e.bound_by = work_out(job, cache.costs(e.plan), e).evaluation.bound_by;
  });
}

DetailedPlan work_out(const Job& job, const PlanCosts& costs, const ParallelPlan& plan, Schedule schedule) {
  DetailedPlan out;
  out.file.generator_name = "bigmac-plan";
  out.file.job = job;
  out.file.pipeline = costs.pipeline;
  out.file.schedule = std::move(schedule);
  out.file.take_costs(costs.table);
  auto result = simulate(costs.pipeline, out.file.costs, out.file.schedule);
  if (const auto* fault = std::get_if<Fault>(&result)) throw Error(ErrorCode::bad_schedule, "schedule", fault->message);
  out.outcome = std::move(std::get<Outcome>(result));
  out.evaluation = evaluation_of(job, plan, costs, out.file.schedule, out.outcome);
  out.evaluation.bound_by = bottleneck(costs.pipeline, out.file.costs, out.file.schedule, out.outcome);
  out.file.plan = plan_facts(job, costs, out.evaluation, out.file.schedule, out.outcome);
  return out;
}

}  // namespace bigmac
