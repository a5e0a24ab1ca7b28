// bigmac-plan: search the plans of a job and write the chosen one.
#include <chrono>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "bigmac/base/json_reader.h"
#include "bigmac/planner/outputs.h"
#include "bigmac/planner/search.h"
#include "bigmac/report/tables.h"
#include "bigmac/report/trace.h"
#include "bigmac/schedule/registry.h"
#include "program.h"

namespace bigmac::apps {
namespace {

struct PlanOptions {
  std::string job, output, objective = "time", memory_limit, base;
  std::vector<std::string> schedules;
  int threads = 0;
  double effort = 1;
  std::optional<std::uint64_t> seed;
  bool json = false, explain = false;
};

/// A bar with an estimate of the time left, on a terminal only.
class Progress {
 public:
  void operator()(std::size_t done, std::size_t all) {
    if (!terminal_ || all == 0) return;
    const double spent = std::chrono::duration<double>(Clock::now() - start_).count();
    const double left = spent * static_cast<double>(all - done) / static_cast<double>(done);
    const auto width = static_cast<std::size_t>(40 * done / all);
    fmt::print(stderr, "\r[{:<40}] {}/{} plans, {:.0f} s left ", std::string(width, '#'), done, all, left);
    if (done == all) fmt::print(stderr, "\r{:<76}\r", "");
  }

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point start_ = Clock::now();
  bool terminal_ = ::isatty(STDERR_FILENO) != 0;
};

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) bad_input(path, "cannot make the output folder: " + error.message());
  if (::access(path.c_str(), W_OK) != 0) bad_input(path, "the output folder cannot be written");
}

SearchOptions search_options(const PlanOptions& options, const Job& job) {
  SearchOptions out;
  if (options.objective == "memory") out.objective = Objective::memory;
  else if (options.objective == "pareto") out.objective = Objective::pareto;
  else if (options.objective != "time")
    bad_input("--objective", unknown_name("objective", options.objective, {"time", "memory", "pareto"}));
  for (const std::string& name : options.schedules) find_schedule(name);
  out.schedules = options.schedules;
  out.base = options.base;
  out.refine = options.schedules.empty();
  out.effort = options.effort;
  out.memory_limit =
      options.memory_limit.empty() ? default_memory_limit(job) : parse_bytes(options.memory_limit, "--memory-limit");
  out.threads =
      options.threads > 0 ? options.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return out;
}

int report_nothing_fits(const SearchResult& result, Bytes limit) {
  fmt::print(stderr, "no feasible plan within {} per GPU\n", human_bytes(limit));
  if (result.nearest_miss)
    fmt::print(stderr, "nearest miss: {} {} needs {}, {} too much\n", result.nearest_miss->label(),
               result.nearest_miss->schedule, human_bytes(result.nearest_miss->memory),
               human_bytes(result.nearest_miss->memory - limit));
  fmt::print(stderr, "{}\ncombinations no trainer could run:\n{}", counts_line(result.counts),
             exclusions(result.counts));
  return kNoPlan;
}

void write_outputs(const std::string& folder, const Job& job, const SearchResult& result, const ProfileCache& cache,
                   const DetailedPlan& plan, const std::vector<std::string>& notes, Bytes limit) {
  make_folder(folder);
  const auto at = [&](const char* name) { return (std::filesystem::path(folder) / name).string(); };
  write_text_file(at("plan.json"), schedule_file_text(plan.file, plan.outcome));
  write_text_file(at("pareto.json"), pareto_json(job, result, limit));
  write_text_file(at("pareto.csv"), pareto_csv(result));
  write_text_file(at("trace.json.gz"),
                  gzipped(chrome_trace(plan.file.pipeline, plan.file.costs, plan.file.schedule, plan.outcome)));
  HtmlReport report = html_report(job, result, notes, limit);
  if (has_interactive_report()) add_drawings(job, result, cache, report);
  write_text_file(at("report.html"), report_html(report, plan.file, plan.outcome));
}

int plan_job(const PlanOptions& options) {
  Job job = load_job(options.job);
  if (options.seed) {
    job.seed = options.seed;
    reseed(job.data, *options.seed);
  }
  const PlanSpace space = enumerate_plans(job);
  const SearchOptions search_with = search_options(options, job);
  job.memory_limit = search_with.memory_limit;
  if (!options.output.empty()) make_folder(options.output);
  const ProfileCache cache(job, space.plans, search_with.threads);
  std::vector<std::string> notes = job.notes;
  notes.insert(notes.end(), cache.notes().begin(), cache.notes().end());
  for (const std::string& text : notes) note(text);
  Progress progress;
  SearchOptions with_progress = search_with;
  with_progress.progress = [&](std::size_t done, std::size_t all) { progress(done, all); };
  SearchResult result = search(job, space, cache, with_progress);
  if (options.explain) fmt::print(stderr, "combinations no trainer could run:\n{}", exclusions(result.counts));
  if (result.best.empty()) return report_nothing_fits(result, search_with.memory_limit);
  for (Evaluation& e : result.best) e.bound_by = work_out(job, cache.costs(e.plan), e).evaluation.bound_by;
  const DetailedPlan chosen = work_out(job, cache.costs(result.best.front().plan), result.best.front());
  if (!options.output.empty())
    write_outputs(options.output, job, result, cache, chosen, notes, search_with.memory_limit);
  if (options.json) {
    fmt::print("{}", search_json(job, result, search_with.memory_limit));
    return kDone;
  }
  fmt::print("{}\n{}\n{}\nfront of time and memory: {} plans, from {} in {} to {} in {}\n", ranking_table(result.best),
             counts_line(result.counts), proof_lines(result), result.front.size(),
             human_time(result.front.front().step), human_bytes(result.front.front().memory),
             human_time(result.front.back().step), human_bytes(result.front.back().memory));
  if (!options.output.empty())
    fmt::print("written to {}: plan.json pareto.json pareto.csv trace.json.gz report.html\n", options.output);
  return kDone;
}

int main_program(int argc, char** argv) {
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
  app.add_flag("--json", options.json, "print the result as JSON");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& wanted) {
    return app.exit(wanted);
  } catch (const CLI::ParseError& error) {
    bad_input("", std::string(error.what()) + " (see --help)");
  }
  return plan_job(options);
}

}  // namespace
}  // namespace bigmac::apps

int main(int argc, char** argv) {
  return bigmac::apps::run_program([&] { return bigmac::apps::main_program(argc, argv); });
}
