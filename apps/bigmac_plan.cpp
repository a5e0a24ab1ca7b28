// bigmac-plan: search the plans of a job and write the chosen one.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "bigmac/planner/search.h"
#include "plan_job.h"
#include "program.h"
#include "self_description.h"

namespace bigmac::apps {
namespace {

int main_program(int argc, char** argv, const Processes& processes) {
  CLI::App app("Searches parallel plans, stage partitions and schedules for a job", "bigmac-plan");
  app.set_version_flag("--version", std::string("bigmac-plan ") + kVersion);
  PlanOptions options;
  app.add_option("JOB", options.job, "job file, schema bigmac.job/1, with a model and a cluster")->required();
  app.add_option("-o,--output", options.output,
                 "folder for plan.json, pareto.json, pareto.csv, trace.json.gz, report.html");
  app.add_option("--objective", options.objective, "time, memory or pareto (default time)");
  app.add_option("--schedule", options.schedules, "only these schedules, separated by commas")->delimiter(',');
  app.add_option("--base", options.base, "LLM pipeline beneath the schedules");
  app.add_option("--memory-limit", options.memory_limit, "per GPU, such as 75GB (default: the GPU's less 4 GiB)");
  app.add_option("--effort", options.effort,
                 "work spent on schedules that search while they build: 1 is about five seconds of one core, inf until "
                 "nothing left can matter")
      ->check(CLI::Range(0.0, kExhaustive));
  app.add_option("--threads", options.threads, "threads (default: all cores); the result does not depend on it")
      ->check(CLI::Range(1, 1024));
  app.add_option("--seed", options.seed, "draw the data anew from this seed (default: the seeds the job states)");
  app.add_flag("--explain", options.explain, "say which combinations were left out, and why");
  app.add_flag("--resume", options.resume, "go on from what DIR/search.journal holds, after an interruption");
  app.add_flag("--all-degrees", options.all_degrees, "search the parallel degrees that the job fixes, too");
  app.add_flag("--draw", options.draw, "print the chosen schedule as text too");
  app.add_flag("--json", options.json, "print the result as JSON");
  KnownValues values = schedule_values();
  values.insert({"--objective", {"time", "memory", "pareto"}});
  describe_itself(app, values);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    bad_input("", std::string(error.what()) + " (see --help)");
  }
  return plan_job(options, processes);
}

}  // namespace
}  // namespace bigmac::apps

int main(int argc, char** argv) {
  const bigmac::Processes processes;
  const auto work = [&] { return bigmac::apps::main_program(argc, argv, processes); };
  if (processes.rank() > 0) return bigmac::apps::run_silently(work);
  return bigmac::apps::run_program(work);
}
