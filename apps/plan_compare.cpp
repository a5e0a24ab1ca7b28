#include "plan_compare.h"

#include <chrono>
#include <filesystem>

#include <fmt/format.h>

#include "bigmac/planner/outputs.h"
#include "bigmac/report/tables.h"
#include "bigmac/schedule/registry.h"
#include "program.h"

namespace bigmac::apps {
namespace {

/// What Megatron-LM runs: the encoder in the first stage, or one list of layers split evenly.
const std::vector<std::string> kMegatron = {"naive", "balanced"};

/// A search of one job, with what it found and how long it took.
struct Searched {
  SearchResult result;
  std::string why;
  double seconds = 0;
};

Searched search_job(Job job, SearchOptions how, const std::vector<std::string>& schedules) {
  job.memory_limit = how.memory_limit;
  const auto start = std::chrono::steady_clock::now();
  how.schedules = schedules;
  how.refine = schedules.empty();
  how.shown = 1;
  const PlanSpace space = enumerate_plans(job);
  const ProfileCache cache(job, space.plans, how.threads);
  Searched out{search(job, space, cache, how), "", 0};
  if (!out.result.best.empty()) {
    const Evaluation& best = out.result.best.front();
    out.why = work_out(job, cache.costs(best.plan), best).evaluation.bound_by;
  }
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

/// The schedule that a job is named after: bigmac-a, optimus-d.
std::string published_schedule(const std::string& job) {
  for (const ScheduleInfo& info : all_schedules())
    if (job.rfind(info.name + "-", 0) == 0) return info.name;
  return "";
}

std::string cell(const SearchResult& result) {
  if (result.best.empty()) return "nothing fits";
  const Evaluation& best = result.best.front();
  return fmt::format("{} in {}: {}, {}", human_time(best.step), human_bytes(best.memory), best.label(),
                     best.schedule_label());
}

// Step of the other over the chosen plan's.
std::string times_faster(const SearchResult& chosen, const SearchResult& other) {
  if (chosen.best.empty() || other.best.empty()) return "-";
  return fmt::format("{:.2f}", static_cast<double>(other.best.front().step.value) /
                                   static_cast<double>(chosen.best.front().step.value));
}

void compare_job(const CompareArguments& arguments, const std::string& path) {
  PlanOptions options = arguments.plan;
  options.job = path;
  const Job as_published = job_for(options);
  Job free = as_published;
  free.parallel = {};
  free.batch.micro.reset();
  SearchOptions how = search_options(options, as_published);
  how.begin_with = as_published.parallel;
  how.begin_with_micro = as_published.batch.micro;
  const Searched chosen = search_job(free, how, {});
  const std::string schedule = published_schedule(as_published.name);
  const Searched published = schedule.empty() ? Searched{} : search_job(as_published, how, {schedule});
  const Searched megatron = search_job(free, how, kMegatron);
  fmt::print("| {} | {} | {} | {} | {} | {} | {} | {} | {:.1f} s |\n", as_published.name, cell(chosen.result),
             chosen.why, schedule.empty() ? "none" : cell(published.result),
             times_faster(chosen.result, published.result), cell(megatron.result),
             times_faster(chosen.result, megatron.result),
             chosen.result.counts.left == 0 ? "0" : fmt::format("{}", chosen.result.counts.left), chosen.seconds);
  std::fflush(stdout);
}

}  // namespace

int compare_jobs(const CompareArguments& arguments) {
  fmt::print(
      "| job | chosen, of all degrees and schedules | what bounds it | published degrees and schedule | times faster | "
      "the "
      "best of Megatron-LM's placements, of all degrees | times faster | left | search "
      "|\n|---|---|---|---|---|---|---|---|---|\n");
  for (const std::string& path : arguments.jobs) compare_job(arguments, path);
  return kDone;
}

}  // namespace bigmac::apps
