#include "plan_spread.h"

#include <thread>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/planner/plan_file.h"
#include "bigmac/planner/spread.h"
#include "bigmac/report/tables.h"
#include "program.h"

namespace bigmac::apps {
namespace {

// "0.01:1.5": one rank in a hundred is half as slow again.
void read_stragglers(const std::string& text, SpreadOptions& out) {
  if (text.empty()) return;
  char rest = 0;
  double share = 0, factor = 0;
  const int read = std::sscanf(text.c_str(), "%lf:%lf%c", &share, &factor, &rest);
  if (read != 2 || !(share >= 0 && share <= 1) || !(factor >= 1 && factor <= 1000))
    bad_input("--stragglers", "expected SHARE:FACTOR such as 0.01:1.5, found '" + text + "'");
  out.straggler_share = share, out.straggler_factor = factor;
}

void print_spread(const SpreadArguments& arguments, const DetailedPlan& plan, const Spread& spread) {
  const auto at = [&](double share) { return spread.quantile(share); };
  if (arguments.json) {
    const Json out = {{"batches", arguments.batches},
                      {"planned_ns", plan.evaluation.step.value},
                      {"mean_ns", spread.mean.value},
                      {"p50_ns", at(0.5).value},
                      {"p95_ns", at(0.95).value},
                      {"p99_ns", at(0.99).value},
                      {"most_ns", spread.steps.back().value}};
    return fmt::print("{}\n", out.dump(1));
  }
  fmt::print("{} {}: {} as planned\n", plan.evaluation.label(), plan.evaluation.schedule_label(),
             human_time(plan.evaluation.step));
  fmt::print("{} batches drawn: mean {}, p50 {}, p95 {}, p99 {}, most {}\n", arguments.batches, human_time(spread.mean),
             human_time(at(0.5)), human_time(at(0.95)), human_time(at(0.99)), human_time(spread.steps.back()));
}

}  // namespace

int spread_plan(const SpreadArguments& arguments) {
  const PlanFile file = read_plan_file(read_text_file(arguments.plan), arguments.plan);
  for (const std::string& text : file.read.notes) note(text);
  const Job& job = file.read.file.job;
  const ProfileCache cache(job, {file.plan}, 1);
  const DetailedPlan plan = work_out(job, cache.costs(file.plan), file.plan, file.read.file.schedule);
  if (const auto stated = file.read.stated.iteration; stated && *stated != plan.outcome.iteration)
    note("the file's own costs differ from the model's, which are used here");
  SpreadOptions options;
  options.batches = arguments.batches;
  options.seed = arguments.seed;
  options.jitter = arguments.jitter;
  options.threads = arguments.threads > 0 ? arguments.threads : static_cast<int>(std::thread::hardware_concurrency());
  read_stragglers(arguments.stragglers, options);
  print_spread(arguments, plan, step_spread(job, cache, plan, options));
  return kDone;
}

}  // namespace bigmac::apps
