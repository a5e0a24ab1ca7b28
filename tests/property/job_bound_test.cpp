// job_lower_bound() against the truth: the optimum of tiny jobs over every placement and order, and every schedule.
#include <algorithm>
#include <cstdio>

#include <gtest/gtest.h>

#include "bigmac/base/random.h"
#include "bigmac/schedule/job_bound.h"
#include "oracle/random_jobs.h"
#include "support.h"
#include "tiny_job.h"

namespace bigmac::test {
namespace {

/// The least makespan over all orders: active schedules (Giffler and Thompson 1960; one of them is optimal), by depth
/// first with the work left as bound. It shares nothing with the library but the costs.
class Exhaustive {
 public:
  Exhaustive(const std::vector<Task>& tasks, std::uint32_t ranks, std::int64_t best)
      : tasks_(tasks), end_(tasks.size(), -1), free_(ranks, 0), left_(ranks, 0), best_(best) {
    for (const Task& task : tasks) left_[task.rank] += task.duration;
  }
  std::int64_t run() {
    search(0);
    return best_;
  }

 private:
  /// Earliest start, or -1 where an input is not scheduled.
  std::int64_t earliest(const Task& task) const {
    std::int64_t at = free_[task.rank];
    for (const std::size_t input : task.inputs) {
      if (end_[input] < 0) return -1;
      at = std::max(at, end_[input] + (tasks_[input].rank == task.rank ? 0 : tasks_[input].transfer));
    }
    return at;
  }
  bool hopeless() const {
    for (std::size_t r = 0; r < free_.size(); ++r)
      if (free_[r] + left_[r] >= best_) return true;
    return false;
  }
  void search(std::size_t done) {
    if (hopeless()) return;
    if (done == tasks_.size()) {
      best_ = *std::max_element(free_.begin(), free_.end());
      return;
    }
    std::int64_t first_end = INT64_MAX;
    std::uint32_t rank = 0;
    std::vector<std::int64_t> starts(tasks_.size(), -1);
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (end_[i] >= 0 || (starts[i] = earliest(tasks_[i])) < 0) continue;
      if (starts[i] + tasks_[i].duration < first_end) first_end = starts[i] + tasks_[i].duration, rank = tasks_[i].rank;
    }
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (end_[i] >= 0 || starts[i] < 0 || tasks_[i].rank != rank) continue;
      if (starts[i] >= first_end && starts[i] + tasks_[i].duration > first_end) continue;
      const std::int64_t before = free_[rank];
      free_[rank] = end_[i] = starts[i] + tasks_[i].duration;
      left_[rank] -= tasks_[i].duration;
      search(done + 1);
      left_[rank] += tasks_[i].duration;
      free_[rank] = before;
      end_[i] = -1;
    }
  }

  const std::vector<Task>& tasks_;
  std::vector<std::int64_t> end_, free_, left_;
  std::int64_t best_;
};

std::int64_t optimum(const TinyJob& job) {
  std::int64_t best = INT64_MAX;
  job.for_each_placement(
      [&](const std::vector<Task>& tasks) { best = Exhaustive(tasks, job.pipeline.ranks, best).run(); });
  return best;
}

TEST(JobBound, never_exceeds_the_optimum_over_all_placements_and_orders) {
  double gap = 0;
  int jobs = 0, tight = 0;
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    const bool generator = seed % 4 == 1;
    const std::uint32_t chunks = seed % 4 == 2 ? 2 : 1, microbatches = seed % 4 == 3 ? 4 : generator ? 2 : 3;
    const TinyJob job = tiny_job(seed, chunks, microbatches, generator);
    const std::int64_t bound = job_lower_bound(job.pipeline, job.costs).value, best = optimum(job);
    ASSERT_LE(bound, best) << "seed " << seed;
    gap += static_cast<double>(best) / static_cast<double>(bound) - 1;
    tight += bound == best ? 1 : 0;
    ++jobs;
  }
  std::printf("  optimum %.1f %% above the bound in the mean; equal in %d of %d jobs\n", 100 * gap / jobs, tight, jobs);
  EXPECT_GE(tight, 10) << "a bound that is never met says little";
}

TEST(JobBound, never_exceeds_the_optimum_with_encoders_of_two_stages) {
  double gap = 0;
  int tight = 0;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    const TinyJob job = tiny_job(seed, 1, 2 + seed % 2, false, 2);
    const std::int64_t bound = job_lower_bound(job.pipeline, job.costs).value, best = optimum(job);
    ASSERT_LE(bound, best) << "seed " << seed;
    gap += static_cast<double>(best) / static_cast<double>(bound) - 1;
    tight += bound == best ? 1 : 0;
  }
  std::printf("  optimum %.1f %% above the bound in the mean; equal in %d of 60 jobs\n", 100 * gap / 60, tight);
  EXPECT_LE(gap / 60, 0.12) << "a bound far below says little";
}

/// The least that the fullest rank gets of `pieces`, over all dealings.
std::int64_t best_dealing(const std::vector<std::int64_t>& pieces, std::vector<std::int64_t>& loads, std::size_t next) {
  if (next == pieces.size()) return *std::max_element(loads.begin(), loads.end());
  std::int64_t best = INT64_MAX;
  for (std::int64_t& load : loads) {
    load += pieces[next];
    best = std::min(best, best_dealing(pieces, loads, next + 1));
    load -= pieces[next];
    if (load == 0) break;  // empty ranks are alike
  }
  return best;
}

// An LLM that takes no time leaves the dealing of whole encoders alone. A few dear ones among cheap ones: the bound is
// what the best dealing reaches in most jobs, and never more.
TEST(JobBound, of_encoders_alone_is_near_their_best_dealing_and_never_above) {
  int tight = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const auto ranks = static_cast<std::uint32_t>(2 + seed % 2), count = static_cast<std::uint32_t>(4 + seed % 5);
    CostSeries forward{1, count, {}}, backward{1, count, {}};
    std::vector<std::int64_t> pieces;
    for (std::uint32_t m = 0; m < count; ++m) {
      forward.values.push_back(random.integer(1, random.integer(0, 3) == 0 ? 400 : 40));
      backward.values.push_back(2 * forward.values.back());
      pieces.push_back(3 * forward.values.back());
    }
    const CostSeries one{1, 1, {1}}, none{1, 1, {0}};
    const Pipeline pipeline = make_pipeline(ranks, 1, count, {"encoder"}, {}, "test");
    const CostTable costs = cost_table_from(
        pipeline, {given("llm", 0, 0, 1, 0), GivenModuleCosts{"encoder", forward, backward, {}, {}, {}, one, none}});
    std::vector<std::int64_t> loads(ranks, 0);
    const std::int64_t bound = job_lower_bound(pipeline, costs).value, best = best_dealing(pieces, loads, 0);
    ASSERT_LE(bound, best) << "seed " << seed;
    tight += bound == best ? 1 : 0;
  }
  EXPECT_GE(tight, 30);
}

// Worked example of the header: 60.
TEST(JobBound, is_sixty_for_the_worked_example) {
  const ScheduleFile file = abstract_file({4, 1, 16, 1, 2, 1, 2});
  EXPECT_EQ(job_lower_bound(file.pipeline, file.costs).value, 60);
}

TEST(JobBound, holds_for_every_schedule_with_whole_backwards) {
  int ran = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    oracle::RandomJobOptions options;
    options.microbatches_multiple_of_ranks = seed % 2 == 0;
    ScheduleFile file;
    file.job = parse_job(oracle::random_job(seed, options), "random");
    file.pipeline = file.job.abstract->pipeline;
    file.costs = cost_table_from(file.pipeline, file.job.abstract->costs);
    const Nanoseconds bound = job_lower_bound(file.pipeline, file.costs);
    for (const char* name : {"naive", "upfront", "optimus", "bigmac", "hybrid"}) {
      std::map<std::string, std::int64_t> parameters;
      if (std::string(name) == "hybrid") parameters["search_fills"] = 30;
      const ScheduleRequest request{file.pipeline, file.costs, "", parameters};
      if (!schedule_fits(find_schedule(name), request)) continue;
      file.schedule = build_schedule(name, request);
      const auto result = simulate_quickly(file.pipeline, file.costs, file.schedule);
      ASSERT_TRUE(std::holds_alternative<Outcome>(result)) << name << " seed " << seed;
      EXPECT_LE(bound, std::get<Outcome>(result).iteration) << name << " seed " << seed;
      ++ran;
    }
  }
  EXPECT_GE(ran, 500);
}

}  // namespace
}  // namespace bigmac::test
