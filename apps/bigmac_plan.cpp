// bigmac-plan: search the plans of a job and write the chosen one.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "bigmac/planner/search.h"
#include "bigmac/report/schedule_file.h"
#include "plan_compare.h"
#include "plan_export.h"
#include "plan_job.h"
#include "plan_spread.h"
#include "plan_sweep.h"
#include "program.h"
#include "self_description.h"

namespace bigmac::apps {
namespace {

void add_search_options(CLI::App& app, PlanOptions& options) {
  app.add_option("--objective", options.objective,
                 "time, memory, pareto or p99: of the fastest, the best over drawn batches (default time)");
  app.add_option("--schedule", options.schedules, "only these schedules, separated by commas")->delimiter(',');
  app.add_option("--base", options.base, "LLM pipeline beneath the schedules");
  app.add_option("--memory-limit", options.memory_limit, "per GPU, such as 75GB (default: the GPU's less 4 GiB)");
  app.add_option("--effort", options.effort,
                 "work spent on schedules that search while they build: 1 is about two seconds of one core, inf until "
                 "nothing left can matter")
      ->check(CLI::Range(0.0, kExhaustive));
  app.add_option("--threads", options.threads, "threads (default: all cores); the result does not depend on it")
      ->check(CLI::Range(1, 1024));
  app.add_option("--seed", options.seed, "draw the data anew from this seed (default: the seeds the job states)");
  app.add_flag("--all-axes", options.all_axes,
               "search finer: MLPs alone run again, recomputation of encoders and generators apart from the LLM, of "
               "each stage as many layers as "
               "its memory asks for, optimizers that are not sharded, and heavy encoders in any number of stages");
  app.add_flag("--all-degrees", options.all_degrees, "search the parallel degrees that the job fixes, too");
}

CLI::App* add_spread(CLI::App& app, SpreadArguments& arguments) {
  CLI::App* spread = app.add_subcommand("spread", "how a plan's step time spreads over drawn batches");
  spread->add_option("PLAN", arguments.plan, "a plan.json of bigmac-plan")->required();
  spread->add_option("--batches", arguments.batches, "batches drawn (default 10000)")->check(CLI::Range(1, 10'000'000));
  spread->add_option("--seed", arguments.seed, "of the draws (default 1)");
  spread->add_option("--jitter", arguments.jitter, "each rank of each batch is exp(N(0, JITTER)) times as slow")
      ->check(CLI::Range(0.0, 1.0));
  spread->add_option("--stragglers", arguments.stragglers, "SHARE:FACTOR: that share of ranks is FACTOR times as slow");
  spread->add_option("--threads", arguments.threads, "threads (default: all cores)")->check(CLI::Range(1, 1024));
  spread->add_flag("--json", arguments.json, "print as JSON");
  return spread;
}

CLI::App* add_sweep(CLI::App& app, SweepArguments& arguments) {
  CLI::App* sweep = app.add_subcommand("sweep", "the job on other numbers of GPUs, sequence lengths and batches");
  sweep->add_option("JOB", arguments.plan.job, "job file, schema bigmac.job/1, with a model and a cluster")->required();
  sweep->add_option("--gpus", arguments.gpus, "64:4096 (doubling) or 64,96,128");
  sweep->add_option("--sequence", arguments.sequence, "4k:128k or 4096,6144");
  sweep->add_option("--batch", arguments.batch, "global batches, written alike");
  sweep->add_option("--gpu-hour", arguments.gpu_hour, "price of a GPU for an hour: adds the price of a million tokens")
      ->check(CLI::Range(0.0, 1e6));
  sweep->add_option("-o,--output", arguments.plan.output, "folder for sweep.json and a front for each point");
  add_search_options(*sweep, arguments.plan);
  return sweep;
}

CLI::App* add_compare(CLI::App& app, CompareArguments& arguments) {
  CLI::App* compare = app.add_subcommand("compare", "chosen plans beside published ones and Megatron-LM, as a table");
  compare->add_option("JOB", arguments.jobs, "job files, schema bigmac.job/1, with a model and a cluster")->required();
  add_search_options(*compare, arguments.plan);
  return compare;
}

CLI::App* add_export(CLI::App& app, ExportArguments& arguments) {
  CLI::App* exported = app.add_subcommand("export", "a plan as what a trainer loads");
  exported->add_option("PLAN", arguments.plan, "a plan.json of bigmac-plan")->required();
  exported->add_option("--format", arguments.format, "megatron-args or torchtitan")->required();
  exported->add_option("-o,--output", arguments.output, "file to write")->required();
  return exported;
}

int main_program(int argc, char** argv, const Processes& processes) {
  CLI::App app("Searches parallel plans, stage partitions and schedules for a job", "bigmac-plan");
  PlanOptions options;
  app.add_option("JOB", options.job, "job file, schema bigmac.job/1, with a model and a cluster");
  app.add_option("-o,--output", options.output,
                 "folder for plan.json, pareto.json, pareto.csv, trace.json.gz, report.html");
  add_search_options(app, options);
  app.add_option("--target", options.targets,
                 "a limit to meet, such as memory<=60GB, mfu>=40%, step<=7s, tokens>=5000 (a second and GPU); the "
                 "nearest plan, and which limit has to give, where none meets all");
  app.add_flag("--explain", options.explain, "say which combinations were left out, and why");
  app.add_flag("--resume", options.resume, "go on from what DIR/search.journal holds, after an interruption");
  app.add_flag("--draw", options.draw, "print the chosen schedule as text too");
  app.add_flag("--json", options.json, "print the result as JSON");
  SpreadArguments spread;
  const CLI::App* spread_command = add_spread(app, spread);
  SweepArguments sweep;
  sweep.plan.effort = 0.2;
  const CLI::App* sweep_command = add_sweep(app, sweep);
  CompareArguments compare;
  const CLI::App* compare_command = add_compare(app, compare);
  ExportArguments exported;
  const CLI::App* export_command = add_export(app, exported);
  KnownValues values = schedule_values();
  values.insert({"--objective", {"time", "memory", "pareto", "p99"}});
  describe_itself(app, values);
  if (const auto code = parse_command_line(app, argc, argv)) return *code;
  const bool alone =
      export_command->parsed() || spread_command->parsed() || sweep_command->parsed() || compare_command->parsed();
  if (processes.rank() > 0 && alone) return kDone;
  if (spread_command->parsed()) return spread_plan(spread);
  if (sweep_command->parsed()) return sweep_job(sweep);
  if (export_command->parsed()) return export_plan(exported);
  if (compare_command->parsed()) return compare_jobs(compare);
  if (options.job.empty()) bad_input("", "JOB is required (see --help)");
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
