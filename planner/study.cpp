#include "bigmac/planner/study.h"

#include <algorithm>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/search.h"
#include "bigmac/schedule/registry.h"
#include "plan_facts.h"

namespace bigmac {
namespace {

[[noreturn]] void refuse_empty_space(const PlanSpace& space) {
  std::string reasons;
  for (const auto& [reason, count] : space.excluded) reasons += (reasons.empty() ? "" : "; ") + reason;
  throw Error(ErrorCode::no_plan, "job", "allows no parallel plan: " + reasons);
}

/// What plans are chosen by: the schedule itself; where building it is dear also bigmac, which tells fast where memory
/// and time lie, so that the dear one is tried on good plans.
std::vector<std::string> chosen_by(const ScheduleInfo& info) {
  if (!info.thorough || info.is_base) return {info.name};
  return {info.name, "bigmac"};
}

/// The fastest plan under the schedule, or why there is none.
Evaluation best_plan(const Job& job, const PlanSpace& space, const ProfileCache& cache, const ScheduleChoice& choice,
                     int threads) {
  SearchOptions options;
  options.schedules = chosen_by(find_schedule(choice.name));
  options.base = choice.base;
  options.memory_limit = default_memory_limit(job);
  options.threads = threads;
  options.effort = 1;
  const SearchResult result = search(job, space, cache, options);
  const auto by_it = std::find_if(result.best.begin(), result.best.end(),
                                  [&](const Evaluation& e) { return e.schedule == choice.name; });
  if (by_it != result.best.end()) return *by_it;
  if (!result.best.empty()) return result.best.front();
  if (result.nearest_miss) {
    const Evaluation& miss = *result.nearest_miss;
    throw Error(ErrorCode::no_plan, "job",
                fmt::format("no plan fits {:.2f} GB per GPU under {}; nearest miss: {} needs {:.2f} GB",
                            1e-9 * static_cast<double>(options.memory_limit.value), choice.name, miss.label(),
                            1e-9 * static_cast<double>(miss.memory.value)));
  }
  const PlanCosts costs = cache.costs(space.plans.front());
  build_schedule(choice.name, {costs.pipeline, costs.table, choice.base, choice.parameters});  // throws the reason
  throw Error(ErrorCode::no_plan, "job", "no plan runs under " + choice.name);
}

void choose_plan(Study& study, const ScheduleChoice& choice, int threads) {
  const Job& job = study.file.job;
  Job whole = job;  // encoders whole, unless the job cuts them
  whole.parallel.encoder_pp = job.parallel.encoder_pp.value_or(1);
  const PlanSpace space = enumerate_plans(whole);
  if (space.plans.empty()) refuse_empty_space(space);
  const ProfileCache cache(job, space.plans, threads);
  Evaluation found;
  found.plan = space.plans.front();
  if (space.plans.size() > 1) found = best_plan(job, space, cache, choice, threads);
  study.plan = found.plan;
  study.plan->one_list = OneList::no;
  study.plan_costs = cache.costs(*study.plan);
  study.chosen = space.plans.size() == 1
                     ? fmt::format("plan {}, the only one the job allows", found.label())
                     : fmt::format("plan {}, the fastest of {} under {}; 'parallel' in the job fixes another",
                                   found.label(), space.plans.size(), choice.name);
}

}  // namespace

Study study_job(Job job, const ScheduleChoice& choice, int threads) {
  find_schedule(choice.name);
  Study out;
  out.file.job = std::move(job);
  if (const auto& given = out.file.job.abstract) {
    out.file.pipeline = given->pipeline;
    out.costs = out.file.costs = cost_table_from(given->pipeline, given->costs);
    return out;
  }
  choose_plan(out, choice, threads);
  out.file.pipeline = out.plan_costs.pipeline;
  out.costs = out.file.costs = out.plan_costs.table;
  return out;
}

Study under_plan(const Study& study, const ParallelPlan& plan) {
  Study out;
  out.file.job = study.file.job;
  out.plan = plan;
  out.plan_costs = ProfileCache(out.file.job, {plan}, 1).costs(plan);
  out.file.pipeline = out.plan_costs.pipeline;
  out.costs = out.file.costs = out.plan_costs.table;
  return out;
}

std::variant<Outcome, Fault> simulate_study(Study& study, const ScheduleChoice& choice) {
  ScheduleFile& file = study.file;
  const ParallelPlan own = study.plan ? plan_under(file.job, *study.plan, choice) : ParallelPlan{};
  const bool listed = own.one_list != OneList::no;
  const PlanCosts costs = listed ? costs_under(file.job, own, study.plan_costs) : study.plan_costs;
  const CostTable& table = listed ? costs.table : study.costs;
  if (study.plan) file.pipeline = costs.pipeline;
  ScheduleRequest request{file.pipeline, table, choice.base, choice.parameters};
  if (study.plan) request.held = held_for(file.job, own, costs, choice);
  file.schedule = build_schedule(choice.name, request);
  file.take_costs(table);
  auto result = simulate(file.pipeline, file.costs, file.schedule);
  const auto* outcome = std::get_if<Outcome>(&result);
  if (study.plan && outcome != nullptr) {
    const Evaluation found = evaluation_of(file.job, own, costs, file.schedule, *outcome);
    file.plan = plan_facts(file.job, costs, found, file.schedule, *outcome);
  }
  return result;
}

Bytes memory_of(const Study& study, const Outcome& outcome) {
  Bytes most{};
  if (study.file.plan) {
    for (const RankMemory& rank : study.file.plan->memory) most = std::max(most, rank.total());
  } else {
    for (const RankActivations& rank : outcome.ranks) most = std::max(most, rank.peak);
  }
  return most;
}

}  // namespace bigmac
