// job_lower_bound() with limits on live activations: never above the optimum of tiny jobs within them over all
// placements and orders, and never above what a builder made that holds so little.
#include <algorithm>
#include <array>
#include <cstdio>

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/schedule/job_bound.h"
#include "oracle/random_jobs.h"
#include "support.h"
#include "tiny_job.h"

namespace bigmac::test {
namespace {

/// The least makespan over all orders of every rank that keep the limits, below `best`: every order is met with its
/// tasks by rising start. A task that has to wait for another one's place is not left aside, as active schedules would.
class WithinLimits {
 public:
  WithinLimits(const std::vector<Task>& tasks, const LiveLimits& limits, std::int64_t best)
      : tasks_(tasks), limits_(limits), end_(tasks.size(), -1), tail_(tasks.size(), 0), best_(best) {
    for (const Task& task : tasks) left_[task.rank] += task.duration;
    for (std::size_t i = tasks.size(); i-- > 0;) {
      tail_[i] += tasks[i].duration;
      for (const std::size_t input : tasks[i].inputs)
        tail_[input] =
            std::max(tail_[input], tail_[i] + (tasks[input].rank == tasks[i].rank ? 0 : tasks[input].transfer));
    }
  }
  std::int64_t run() {
    search(0, 0);
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
  bool fits(const Task& task) const {
    return encoder_[task.rank] + task.encoder_held <= static_cast<int>(limits_.encoder.value_or(1000)) &&
           chunks_[task.rank] + task.chunks_held <= static_cast<int>(limits_.llm.value_or(1000));
  }
  void search(std::size_t done, std::int64_t now) {
    if (done == tasks_.size()) {
      best_ = std::max(free_[0], free_[1]);
      return;
    }
    for (std::size_t r = 0; r < free_.size(); ++r)
      if (left_[r] > 0 && std::max(free_[r], now) + left_[r] >= best_) return;
    std::vector<std::int64_t> starts(tasks_.size(), -1);
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      if (end_[i] < 0 && (starts[i] = earliest(tasks_[i])) >= 0 && std::max(starts[i], now) + tail_[i] >= best_) return;
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      if (starts[i] >= now && fits(tasks_[i]) && starts[i] + tail_[i] < best_) start(i, starts[i], done);
  }
  void start(std::size_t i, std::int64_t at, std::size_t done) {
    const Task& task = tasks_[i];
    const std::int64_t before = free_[task.rank];
    free_[task.rank] = end_[i] = at + task.duration;
    left_[task.rank] -= task.duration;
    encoder_[task.rank] += task.encoder_held, chunks_[task.rank] += task.chunks_held;
    search(done + 1, at);
    encoder_[task.rank] -= task.encoder_held, chunks_[task.rank] -= task.chunks_held;
    left_[task.rank] += task.duration;
    free_[task.rank] = before;
    end_[i] = -1;
  }

  const std::vector<Task>& tasks_;
  const LiveLimits& limits_;
  std::vector<std::int64_t> end_, tail_;
  std::array<std::int64_t, 2> free_{}, left_{};
  std::array<int, 2> encoder_{}, chunks_{};
  std::int64_t best_;
};

/// INT64_MAX where every order deadlocks.
std::int64_t optimum(const TinyJob& job, const LiveLimits& limits) {
  std::int64_t best = INT64_MAX;
  job.for_each_placement([&](const std::vector<Task>& tasks) { best = WithinLimits(tasks, limits, best).run(); });
  return best;
}

LiveLimits drawn_limits(std::uint64_t seed) {
  LiveLimits out;
  if (seed % 3 != 0) out.encoder = 1 + static_cast<std::uint32_t>(seed / 3 % 2);
  if (seed % 3 != 1) out.llm = 1 + static_cast<std::uint32_t>(seed / 6 % 3);
  return out;
}

TEST(LiveBound, never_exceeds_the_optimum_within_the_limits) {
  int raised = 0, tight = 0, ran = 0;
  double without = 0, with = 0;
  for (std::uint64_t seed = 0; seed < 240; ++seed) {
    const bool generator = seed % 4 == 1;
    const std::uint32_t chunks = seed % 4 == 2 ? 2 : 1, microbatches = seed % 4 == 3 ? 4 : generator ? 2 : 3;
    const TinyJob job = tiny_job(seed, chunks, microbatches, generator);
    const LiveLimits limits = drawn_limits(seed / 4);
    const std::int64_t best = optimum(job, limits);
    if (best == INT64_MAX) continue;
    const std::int64_t free = job_lower_bound(job.pipeline, job.costs).value;
    const std::int64_t bound = job_lower_bound(job.pipeline, job.costs, limits).value;
    ASSERT_LE(bound, best) << "seed " << seed;
    ASSERT_GE(bound, free) << "seed " << seed;
    without += static_cast<double>(best) / static_cast<double>(free) - 1;
    with += static_cast<double>(best) / static_cast<double>(bound) - 1;
    raised += bound > free ? 1 : 0, tight += bound > free && bound == best ? 1 : 0, ++ran;
  }
  std::printf(
      "  optimum %.1f %% above the limits' bound, %.1f %% above the job's; raised in %d of %d, met there in %d\n",
      100 * with / ran, 100 * without / ran, raised, ran, tight);
  EXPECT_GE(raised, 60);
  EXPECT_GE(tight, 10) << "a bound that is never met says little";
}

// Every builder's schedule keeps the limits that it happens to need, hybrid also what it is told.
TEST(LiveBound, holds_for_every_schedule_that_holds_so_little) {
  int ran = 0, raised = 0;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    oracle::RandomJobOptions options;
    options.microbatches_multiple_of_ranks = seed % 2 == 0;
    ScheduleFile file;
    file.job = parse_job(oracle::random_job(seed, options), "random");
    file.pipeline = file.job.abstract->pipeline;
    file.costs = cost_table_from(file.pipeline, file.job.abstract->costs);
    const Nanoseconds free = job_lower_bound(file.pipeline, file.costs);
    for (const char* name : {"gpipe", "1f1b", "interleaved", "naive", "upfront", "optimus", "bigmac", "hybrid"}) {
      std::map<std::string, std::int64_t> parameters;
      if (std::string(name) == "hybrid")
        parameters = {{"search_fills", 10}, {"encoder_live_limit", 1 + static_cast<std::int64_t>(seed % 5)}};
      const ScheduleRequest request{file.pipeline, file.costs, "", parameters};
      if (!schedule_fits(find_schedule(name), request)) continue;
      try {
        file.schedule = build_schedule(name, request);
      } catch (const Error&) {
        continue;  // hybrid: some jobs have no schedule within so little
      }
      const auto result = simulate_quickly(file.pipeline, file.costs, file.schedule);
      ASSERT_TRUE(std::holds_alternative<Outcome>(result)) << name << " seed " << seed;
      const Nanoseconds bound = job_lower_bound(file.pipeline, file.costs, most_held(file.pipeline, file.schedule));
      EXPECT_LE(bound, std::get<Outcome>(result).iteration) << name << " seed " << seed;
      ++ran, raised += bound > free ? 1 : 0;
    }
  }
  std::printf("  %d schedules, the bound raised for %d\n", ran, raised);
  EXPECT_GE(ran, 500);
  EXPECT_GE(raised, 100);
}

// Worked examples of sim/schedule/live_bound.h.
TEST(LiveBound, of_the_worked_example) {
  const ScheduleFile file = abstract_file({4, 1, 16, 1, 2, 1, 2});
  EXPECT_EQ(job_lower_bound(file.pipeline, file.costs, {3, {}}).value, 61);
  EXPECT_EQ(job_lower_bound(file.pipeline, file.costs, {3, 4}).value, 63);
  EXPECT_EQ(job_lower_bound(file.pipeline, file.costs, {4, {}}).value, 60);
  // Rank 0 holds a chunk for 12 at least, 16 times, two at a time: 96, and 1 and 2 before and after.
  EXPECT_EQ(job_lower_bound(file.pipeline, file.costs, {{}, 2}).value, 99);
}

TEST(LiveBound, is_reported_where_a_schedule_states_its_limits_and_keeps_them) {
  ScheduleFile file = abstract_file({4, 1, 16, 1, 2, 1, 2});
  const auto simulated = [&] { return std::get<Outcome>(simulate(file.pipeline, file.costs, file.schedule)); };
  // Without a search encoders are placed evenly, and the bound of the placement is the job's.
  file.schedule =
      build_schedule("hybrid", {file.pipeline, file.costs, "", {{"encoder_live_limit", 3}, {"search_fills", 0}}});
  const Outcome outcome = simulated();
  EXPECT_TRUE(outcome.bound_by_limits);
  EXPECT_EQ(outcome.lower_bound.value, 61);
  EXPECT_LE(outcome.lower_bound, outcome.iteration);
  file.schedule.parameters["encoder_live_limit"] = 2;  // a claim that is not true
  EXPECT_FALSE(simulated().bound_by_limits);
}

}  // namespace
}  // namespace bigmac::test
