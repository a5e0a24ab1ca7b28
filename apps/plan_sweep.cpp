#include "plan_sweep.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <memory>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/planner/axes_front.h"
#include "bigmac/planner/outputs.h"
#include "bigmac/report/tables.h"
#include "program.h"

namespace bigmac::apps {
namespace {

constexpr std::size_t kMostPoints = 10'000;

std::int64_t read_count(const std::string& text, const std::string& option, const std::string& all) {
  char unit = 0, rest = 0;
  long long number = 0;
  const int read = std::sscanf(text.c_str(), "%lld%c%c", &number, &unit, &rest);
  const std::int64_t factor = read == 1 ? 1 : read == 2 && (unit == 'k' || unit == 'K') ? 1024 : 0;
  if (factor == 0 || number < 1 || number > (std::int64_t{1} << 30))
    bad_input(option, fmt::format("expected N, LOW:HIGH (doubling) or N,N,..., with k for 1024; found '{}'", all));
  return number * factor;
}

/// "64:4096" doubles from 64; "64,96" lists; empty: `own`.
std::vector<std::int64_t> read_values(const std::string& text, const std::string& option, std::int64_t own) {
  if (text.empty()) return {own};
  std::vector<std::int64_t> out;
  if (const auto colon = text.find(':'); colon != std::string::npos) {
    const std::int64_t high = read_count(text.substr(colon + 1), option, text);
    for (std::int64_t n = read_count(text.substr(0, colon), option, text); n <= high; n *= 2) out.push_back(n);
    if (out.empty()) bad_input(option, fmt::format("'{}' holds nothing: LOW is above HIGH", text));
    return out;
  }
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    out.push_back(read_count(text.substr(begin, end - begin), option, text));
    begin = end + 1;
  }
  return out;
}

struct Point {
  std::int64_t gpus, sequence, batch;
  SearchResult result;
  double tokens = 0;  // of one step

  std::string name() const { return fmt::format("{}gpus-{}tokens-{}batch", gpus, sequence, batch); }
};

// dp follows from the GPUs; other degrees stay as the job fixes them.
Job job_at(const Job& base, const Point& point) {
  Job job = base;
  job.cluster->gpus = static_cast<int>(point.gpus);
  job.data.sequence_length = point.sequence;
  job.batch.global = point.batch;
  job.parallel.dp.reset();
  return job;
}

/// Jobs and profiles of one sequence length: what layers cost is shared by all numbers of GPUs and batches.
struct Shared {
  std::unique_ptr<Job> job;
  std::unique_ptr<ProfileCache> cache;
};

void plan_point(const SweepArguments& arguments, const Job& base, Point& point, Shared& shared) {
  auto job = std::make_unique<Job>(job_at(base, point));
  const SearchOptions how = search_options(arguments.plan, *job);
  job->memory_limit = how.memory_limit;
  const PlanSpace space = enumerate_plans(*job, arguments.plan.all_axes ? Axes::all : Axes::usual);
  if (space.plans.empty()) return;
  auto cache = std::make_unique<ProfileCache>(*job, space.plans, how.threads, shared.cache.get());
  point.result = search(*job, space, *cache, how);
  point.tokens = static_cast<double>(point.batch) * static_cast<double>(point.sequence);
  if (point.gpus < base.cluster->node.gpus) return;  // parts of a node are costed for themselves
  shared.cache = std::move(cache);
  shared.job = std::move(job);
}

double tokens_per_second(const Point& point, const Evaluation& plan) {
  return point.tokens / (1e-9 * static_cast<double>(plan.step.value));
}

double tokens_per_second(const Point& point) { return tokens_per_second(point, point.result.best.front()); }

// GPUs held for a step, over its tokens.
double price_of_million_tokens(const Point& point, const Evaluation& plan, double gpu_hour) {
  return 1e6 * gpu_hour * static_cast<double>(point.gpus) / 3600 / tokens_per_second(point, plan);
}

double price_of_million_tokens(const Point& point, double gpu_hour) {
  return price_of_million_tokens(point, point.result.best.front(), gpu_hour);
}

std::string row(const Point& point, double gpu_hour) {
  const std::string where = fmt::format("{:>6} {:>8} {:>6} ", point.gpus, point.sequence, point.batch);
  if (point.result.best.empty()) {
    const auto& miss = point.result.nearest_miss;
    return where + (miss ? fmt::format("no plan fits; the least needs {}", human_bytes(miss->memory))
                         : std::string("no plan divides into these degrees"));
  }
  const Evaluation& best = point.result.best.front();
  std::string text =
      where + fmt::format("{:<36} {:<11} {:>9} {:>5.1f}% {:>9} {:>9.0f} {:>5}", best.label(), best.schedule_label(),
                          human_time(best.step), 100 * best.mfu, human_bytes(best.memory),
                          tokens_per_second(point) / static_cast<double>(point.gpus), point.result.front.size());
  if (gpu_hour > 0) text += fmt::format(" {:>9.4f}", price_of_million_tokens(point, gpu_hour));
  return text;
}

Json point_json(const Point& point, double gpu_hour) {
  Json out = {{"gpus", point.gpus}, {"sequence_length", point.sequence}, {"global_batch", point.batch}};
  if (point.result.best.empty()) {
    out["plan"] = nullptr;
    return out;
  }
  const Evaluation& best = point.result.best.front();
  out["plan"] = best.label();
  out["schedule"] = best.schedule_label();
  out["step_ns"] = best.step.value;
  out["memory_bytes"] = best.memory.value;
  out["mfu"] = std::round(1e6 * best.mfu) / 1e6;
  out["tokens_per_second"] = std::round(tokens_per_second(point));
  if (gpu_hour > 0) out["price_per_million_tokens"] = std::round(1e6 * price_of_million_tokens(point, gpu_hour)) / 1e6;
  out["proven_ns"] = point.result.proven.value;
  out["front"] = point.name() + ".csv";
  return out;
}

/// A plan of the front over step, memory, price and GPUs, of points that differ in their GPUs alone.
struct Offer {
  const Point* point;
  const Evaluation* plan;
};

/// [sequence, batch] -> its front. Without a price of a GPU an hour of one counts as 1.
std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Offer>> offers(const std::vector<Point>& points,
                                                                           double gpu_hour) {
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Offer>> out;
  for (const Point& point : points)
    for (const Evaluation& plan : point.result.front) out[{point.sequence, point.batch}].push_back({&point, &plan});
  for (auto& [key, all] : out) {
    std::vector<AxesPoint> axes;
    for (const Offer& offer : all)
      axes.push_back({static_cast<double>(offer.plan->step.value), static_cast<double>(offer.plan->memory.value),
                      price_of_million_tokens(*offer.point, *offer.plan, gpu_hour > 0 ? gpu_hour : 1),
                      static_cast<double>(offer.point->gpus)});
    std::vector<Offer> kept;
    for (const std::size_t i : axes_front(axes)) kept.push_back(all[i]);
    all = std::move(kept);
  }
  return out;
}

Json offer_json(const Offer& offer, double gpu_hour) {
  const double price = price_of_million_tokens(*offer.point, *offer.plan, gpu_hour > 0 ? gpu_hour : 1);
  return {{"gpus", offer.point->gpus},
          {"plan", offer.plan->label()},
          {"schedule", offer.plan->schedule_label()},
          {"step_ns", offer.plan->step.value},
          {"memory_bytes", offer.plan->memory.value},
          {gpu_hour > 0 ? "price_per_million_tokens" : "gpu_hours_per_million_tokens", std::round(1e6 * price) / 1e6}};
}

Json fronts_json(const std::vector<Point>& points, double gpu_hour) {
  Json out = Json::array();
  for (const auto& [key, all] : offers(points, gpu_hour)) {
    Json plans = Json::array();
    for (const Offer& offer : all) plans.push_back(offer_json(offer, gpu_hour));
    out.push_back({{"sequence_length", key.first}, {"global_batch", key.second}, {"plans", plans}});
  }
  return out;
}

/// What the most and the least GPUs' worth of plans on the front come to, a line each.
void print_offers(const std::vector<Point>& points, double gpu_hour) {
  for (const auto& [key, all] : offers(points, gpu_hour)) {
    const auto least = [&](auto&& of) {
      return *std::min_element(all.begin(), all.end(), [&](const Offer& a, const Offer& b) { return of(a) < of(b); });
    };
    const auto say = [&](const char* what, const Offer& offer) {
      fmt::print("  {:<9} {:>6} GPUs {:>9} {:>9} {:>9.4f} {} {} {}\n", what, offer.point->gpus,
                 human_time(offer.plan->step), human_bytes(offer.plan->memory),
                 price_of_million_tokens(*offer.point, *offer.plan, gpu_hour > 0 ? gpu_hour : 1),
                 gpu_hour > 0 ? "per Mtok" : "GPU hours per Mtok", offer.plan->label(), offer.plan->schedule_label());
    };
    fmt::print("front of step, memory, price and GPUs at sequence {}, batch {}: {} plans\n", key.first, key.second,
               all.size());
    say("fastest", least([](const Offer& o) { return o.plan->step.value; }));
    say("smallest", least([](const Offer& o) { return o.plan->memory.value; }));
    say("cheapest", least([&](const Offer& o) { return price_of_million_tokens(*o.point, *o.plan, 1); }));
  }
}

void write_points(const std::string& folder, const Job& job, const std::vector<Point>& points, double gpu_hour) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) bad_input(folder, "cannot make the output folder: " + error.message());
  Json all = Json::array();
  for (const Point& point : points) {
    all.push_back(point_json(point, gpu_hour));
    if (!point.result.best.empty())
      write_text_file((std::filesystem::path(folder) / (point.name() + ".csv")).string(), pareto_csv(point.result));
  }
  const Json out = {
      {"schema", "bigmac.sweep/1"}, {"job", job.name}, {"points", all}, {"fronts", fronts_json(points, gpu_hour)}};
  write_text_file((std::filesystem::path(folder) / "sweep.json").string(), out.dump(1) + "\n");
}

}  // namespace

int sweep_job(const SweepArguments& arguments) {
  const Job base = job_for(arguments.plan);
  if (!base.model || !base.cluster) bad_input(arguments.plan.job, "expected 'model' and 'cluster'");
  std::vector<Point> points;
  for (const std::int64_t sequence : read_values(arguments.sequence, "--sequence", base.data.sequence_length))
    for (const std::int64_t batch : read_values(arguments.batch, "--batch", base.batch.global))
      for (const std::int64_t gpus : read_values(arguments.gpus, "--gpus", base.cluster->gpus))
        points.push_back({gpus, sequence, batch, {}, 0});
  if (points.size() > kMostPoints) bad_input("sweep", fmt::format("{} points; at most {}", points.size(), kMostPoints));
  fmt::print("{:>6} {:>8} {:>6} {:<36} {:<11} {:>9} {:>6} {:>9} {:>9} {:>5}{}\n", "GPUs", "sequence", "batch", "plan",
             "schedule", "step", "MFU", "memory", "tok/s/GPU", "front", arguments.gpu_hour > 0 ? "  per Mtok" : "");
  std::map<std::int64_t, Shared> shared;  // by sequence length
  bool any = false;
  for (Point& point : points) {
    plan_point(arguments, base, point, shared[point.sequence]);
    fmt::print("{}\n", row(point, arguments.gpu_hour));
    std::fflush(stdout);
    any = any || !point.result.best.empty();
  }
  print_offers(points, arguments.gpu_hour);
  if (!arguments.plan.output.empty()) write_points(arguments.plan.output, base, points, arguments.gpu_hour);
  return any ? kDone : kNoPlan;
}

}  // namespace bigmac::apps
