#include "plan_job.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include <fmt/format.h>
#include <unistd.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/planner/cost_origins.h"
#include "bigmac/planner/outputs.h"
#include "bigmac/planner/spread.h"
#include "bigmac/planner/targets.h"
#include "bigmac/report/tables.h"
#include "bigmac/report/trace.h"
#include "bigmac/schedule/registry.h"
#include "program.h"

namespace bigmac::apps {
namespace {

// The fastest plans on the job's own draw, of which the best in 99 of 100 drawn batches is chosen.
constexpr std::size_t kTriedForP99 = 30, kShown = 10;
constexpr std::int64_t kBatchesForP99 = 2000;
constexpr int kInterrupted = 130;  // what shells report for SIGINT

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
                   const DetailedPlan& plan, const std::vector<std::string>& notes, Bytes limit, int threads) {
  make_folder(folder);
  const auto at = [&](const char* name) { return (std::filesystem::path(folder) / name).string(); };
  write_text_file(at("plan.json"), schedule_file_text(plan.file, plan.outcome));
  write_text_file(at("pareto.json"), pareto_json(job, result, limit));
  write_text_file(at("pareto.csv"), pareto_csv(result));
  write_text_file(at("trace.json.gz"),
                  gzipped(chrome_trace(plan.file.pipeline, plan.file.costs, plan.file.schedule, plan.outcome)));
  HtmlReport report = html_report(job, result, notes, limit);
  if (has_interactive_report()) add_drawings(job, result, cache, threads, report);
  write_text_file(at("report.html"), report_html(report, plan.file, plan.outcome));
}

/// SIGINT asks the search to end; a second one ends the program.
class Interrupt {
 public:
  Interrupt() { std::signal(SIGINT, note_it); }
  ~Interrupt() { std::signal(SIGINT, SIG_DFL); }
  static bool asked() { return asked_; }

 private:
  static void note_it(int) {
    asked_ = true;
    std::signal(SIGINT, SIG_DFL);
  }
  static inline std::atomic<bool> asked_{false};
};

SearchResult search_and_report(const PlanOptions& options, const Job& job, const PlanSpace& space,
                               const ProfileCache& cache, SearchOptions how) {
  Progress progress;
  how.progress = [&](std::size_t done, std::size_t all) { progress(done, all); };
  std::optional<Interrupt> interrupt;
  if (!options.output.empty()) {
    how.journal = (std::filesystem::path(options.output) / "search.journal").string();
    how.stop = Interrupt::asked;
    interrupt.emplace();
  }
  SearchResult result = search(job, space, cache, how);
  if (options.resume) note(fmt::format("{} results taken from {}", result.resumed, how.journal));
  if (result.interrupted)
    note(fmt::format("interrupted; what was found is shown, and kept in {}: --resume goes on", how.journal));
  return result;
}

/// Ranks by the step that 99 of 100 drawn batches keep to; says what it is in the place of what bounds it.
void rank_by_p99(const Job& job, const ProfileCache& cache, int threads, std::vector<Evaluation>& best) {
  std::vector<std::pair<Nanoseconds, Evaluation>> ranked;
  for (Evaluation& e : best) {
    SpreadOptions how;
    how.batches = kBatchesForP99;
    how.threads = threads;
    const Spread spread = step_spread(job, cache, work_out(job, cache.costs(e.plan), e), how);
    e.bound_by +=
        fmt::format("; over {} drawn batches p50 {}, p95 {}, p99 {}", how.batches, human_time(spread.quantile(0.5)),
                    human_time(spread.quantile(0.95)), human_time(spread.quantile(0.99)));
    ranked.emplace_back(spread.quantile(0.99), e);
  }
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  ranked.resize(std::min(ranked.size(), kShown));
  best.clear();
  for (auto& [p99, e] : ranked) best.push_back(std::move(e));
}

std::vector<Target> targets_of(const PlanOptions& options) {
  std::vector<Target> out;
  for (const std::string& text : options.targets) out.push_back(parse_target(text, "--target"));
  return out;
}

/// The plan that meets the targets, or the nearest, is the chosen one: first of those ranked. Whether it meets them.
bool choose_by_targets(const Job& job, const std::vector<Target>& targets, SearchResult& result) {
  if (targets.empty() || result.front.empty()) return true;
  const TargetAnswer answer = meet_targets(job, result.front, targets);
  const Evaluation chosen = answer.met ? *answer.met : *answer.nearest;
  std::erase_if(result.best, [&](const Evaluation& e) {
    return e.plan == chosen.plan && e.schedule == chosen.schedule && e.parameters == chosen.parameters;
  });
  result.best.insert(result.best.begin(), chosen);
  result.best.resize(std::min(result.best.size(), kShown));
  return answer.met.has_value();
}

void print_result(const PlanOptions& options, const Job& job, const SearchResult& result, Bytes limit) {
  if (options.json) return fmt::print("{}", search_json(job, result, limit));
  fmt::print("{}\n{}\n{}\nfront of time and memory: {} plans, from {} in {} to {} in {}\n", ranking_table(result.best),
             wrapped(counts_line(result.counts)), proof_lines(result), result.front.size(),
             human_time(result.front.front().step), human_bytes(result.front.front().memory),
             human_time(result.front.back().step), human_bytes(result.front.back().memory));
  for (const std::string& line : cost_origin_lines(job, result.best.front().plan)) fmt::print("costs: {}\n", line);
  if (!options.targets.empty()) {
    const std::vector<Target> targets = targets_of(options);
    fmt::print("{}", target_lines(meet_targets(job, result.front, targets), targets));
  }
  if (!options.output.empty())
    fmt::print("written to {}: plan.json pareto.json pareto.csv trace.json.gz report.html\n", options.output);
}

}  // namespace

Job job_for(const PlanOptions& options) {
  Job job = load_job(options.job);
  if (options.seed) {
    job.seed = options.seed;
    reseed(job.data, *options.seed);
  }
  if (options.all_degrees) job.parallel = {};
  return job;
}

SearchOptions search_options(const PlanOptions& options, const Job& job) {
  SearchOptions out;
  if (options.all_degrees) out.begin_with = load_job(options.job).parallel;
  if (options.objective == "memory") out.objective = Objective::memory;
  else if (options.objective == "pareto") out.objective = Objective::pareto;
  else if (options.objective == "p99") out.shown = kTriedForP99;
  else if (options.objective != "time")
    bad_input("--objective", unknown_name("objective", options.objective, {"time", "memory", "pareto", "p99"}));
  for (const std::string& name : options.schedules) find_schedule(name);
  out.schedules = options.schedules;
  out.base = options.base;
  out.refine = options.schedules.empty();
  out.effort = options.effort;
  out.resume = options.resume;
  if (options.resume && options.output.empty())
    bad_input("--resume", "needs -o DIR, the folder of the interrupted search");
  out.memory_limit =
      options.memory_limit.empty() ? default_memory_limit(job) : parse_bytes(options.memory_limit, "--memory-limit");
  out.threads =
      options.threads > 0 ? options.threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return out;
}

int plan_job(const PlanOptions& options, const Processes& processes) {
  const std::unique_ptr<TaskPool> pool = processes.pool();
  Job job = job_for(options);
  SearchOptions how = search_options(options, job);
  const std::vector<Target> targets = targets_of(options);
  how.pool = pool.get();
  job.memory_limit = how.memory_limit;
  const PlanSpace space = enumerate_plans(job, options.all_axes ? Axes::all : Axes::usual);
  const ProfileCache cache(job, space.plans, how.threads);
  if (processes.rank() > 0) {
    processes.serve(search_work(job, space, cache, how));
    return kDone;
  }
  if (!options.output.empty()) make_folder(options.output);
  std::vector<std::string> notes = job.notes;
  notes.insert(notes.end(), cache.notes().begin(), cache.notes().end());
  for (const std::string& text : notes) note(text);
  SearchResult result = search_and_report(options, job, space, cache, how);
  if (options.explain) fmt::print(stderr, "combinations no trainer could run:\n{}", exclusions(result.counts));
  if (result.best.empty()) return result.interrupted ? kInterrupted : report_nothing_fits(result, how.memory_limit);
  const bool met = choose_by_targets(job, targets, result);
  find_bottlenecks(job, cache, how.threads, result.best);
  if (options.objective == "p99") rank_by_p99(job, cache, how.threads, result.best);
  const DetailedPlan chosen = work_out(job, cache.costs(result.best.front().plan), result.best.front());
  for (const std::string& line : cost_origin_lines(job, chosen.evaluation.plan)) notes.push_back("costs: " + line);
  if (!options.output.empty())
    write_outputs(options.output, job, result, cache, chosen, notes, how.memory_limit, how.threads);
  print_result(options, job, result, how.memory_limit);
  if (options.draw && !options.json)
    fmt::print("\n{}", text_timeline(chosen.file, chosen.outcome, 80, colours_on_stdout()));
  if (result.interrupted) return kInterrupted;
  return met ? kDone : kNoPlan;
}

}  // namespace bigmac::apps
