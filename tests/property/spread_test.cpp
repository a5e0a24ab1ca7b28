// The spread of a plan's step over drawn batches, against the engine timing every batch there can be.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "bigmac/planner/space.h"
#include "bigmac/planner/spread.h"
#include "bigmac/report/outcome.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

// Two listed samples take turns, so that a pool of two microbatches holds one of each.
std::string samples(const std::vector<int>& order) {
  const char* listed[2] = {R"({"text_tokens": 3000, "image_tokens": [900, 100]})",
                           R"({"text_tokens": 1000, "image_tokens": [300, 1500, 700]})"};
  std::string text;
  for (const int one : order) text += (text.empty() ? "" : ", ") + std::string(listed[one]);
  return R"(, "data": {"sequence_length": 4096, "samples": [)" + text + R"(]}, "batch": {"global": 4, "micro": 1})";
}

Job job_of(const std::vector<int>& order) { return full_job("qwen2.5-vl-7b", "h100-80g", 4, samples(order)); }

ParallelPlan plan_of(int dp) {
  ParallelPlan plan;
  plan.tp = 2 / dp, plan.pp = 2, plan.dp = dp;
  return plan;
}

class SpreadOf : public testing::TestWithParam<const char*> {};

// 4 microbatches of 2 kinds: 16 batches, each timed by the engine on the schedule of the plan.
std::vector<Nanoseconds> every_batch(const DetailedPlan& plan, const ParallelPlan& degrees, const PlanCosts& cut) {
  const auto count = plan.file.pipeline.microbatches;
  std::vector<Nanoseconds> out;
  for (int bits = 0; bits < (1 << count); ++bits) {
    std::vector<int> order;
    for (std::uint32_t m = 0; m < count; ++m) order.push_back(bits >> m & 1);
    const Job job = job_of(order);
    const PlanCosts apart = ProfileCache(job, {degrees}, 1).costs(degrees);
    const PlanCosts costs =
        plan_costs(job, plan.evaluation.plan, count, {apart.llm, nullptr}, apart.encoders, apart.generators, &cut);
    const auto result = simulate_quickly(costs.pipeline, costs.table, plan.file.schedule);
    out.push_back(std::get<Outcome>(result).iteration + (plan.evaluation.step - plan.evaluation.iteration));
  }
  return out;
}

TEST_P(SpreadOf, holds_every_batch_there_can_be_as_often_as_it_is_likely) {
  const Job job = job_of({0, 1});
  const ParallelPlan degrees = plan_of(1);
  const ProfileCache cache(job, {degrees}, 1);
  Evaluation chosen;
  chosen.plan = degrees, chosen.schedule = GetParam();
  const DetailedPlan plan = work_out(job, cache.costs(degrees), chosen);
  SpreadOptions options;
  options.pool = 2, options.batches = 16'000;
  const Spread spread = step_spread(job, cache, plan, options);
  std::map<std::int64_t, double> expected, found;
  for (const Nanoseconds step : every_batch(plan, degrees, cache.costs(plan.evaluation.plan)))
    expected[step.value] += 1000;
  for (const Nanoseconds step : spread.steps) found[step.value] += 1;
  ASSERT_EQ(found.size(), expected.size());
  for (const auto& [step, count] : expected) {
    EXPECT_EQ(found.count(step), 1u) << step;
    EXPECT_NEAR(found[step], count, 5 * std::sqrt(count)) << step;  // five standard deviations
  }
  EXPECT_TRUE(std::is_sorted(spread.steps.begin(), spread.steps.end()));
  EXPECT_EQ(spread.quantile(1), spread.steps.back());
  EXPECT_EQ(spread.quantile(0.5), spread.steps[7'999]);
}

INSTANTIATE_TEST_SUITE_P(Schedules, SpreadOf,
                         testing::Values("naive", "upfront", "bigmac", "optimus", "hybrid", "balanced"));

TEST(Spread, is_the_planned_step_where_all_data_are_alike_and_the_same_for_any_number_of_threads) {
  const Job job = full_job("bigmac-b", "h800-80g", 32, R"(, "data": {"sequence_length": 4096, "images_per_sample": 2,
      "image_tokens": 512, "generated_tokens_per_sample": 1024}, "batch": {"global": 64, "micro": 1})");
  ParallelPlan degrees;
  degrees.pp = 4, degrees.vpp = 2, degrees.dp = 8;
  const ProfileCache cache(job, {degrees}, 1);
  for (const char* schedule : {"bigmac", "hybrid"}) {
    Evaluation chosen;
    chosen.plan = degrees, chosen.schedule = schedule;
    const DetailedPlan plan = work_out(job, cache.costs(degrees), chosen);
    SpreadOptions options;
    options.batches = 100, options.pool = 16;
    const Spread one = step_spread(job, cache, plan, options);
    for (const Nanoseconds step : one.steps) EXPECT_EQ(step, plan.evaluation.step) << schedule;
    options.jitter = 0.05, options.straggler_share = 0.1, options.straggler_factor = 2;
    const Spread jittered = step_spread(job, cache, plan, options);
    EXPECT_GT(jittered.quantile(0.99), one.quantile(0.99));
    EXPECT_GT(jittered.quantile(0.99), jittered.quantile(0.5));
    options.threads = 2;
    EXPECT_EQ(step_spread(job, cache, plan, options).steps, jittered.steps);
  }
}

// The step is the slowest replica's: with two, it is at most x where both are, so its median is the quantile at
// sqrt(1/2) of one.
TEST(Spread, is_that_of_the_slowest_replica) {
  const auto quantile = [](int dp, double share) {
    const Job job = full_job("qwen2.5-vl-7b", "h100-80g", 4 * dp,
                             R"(, "data": {"sequence_length": 4096, "images_per_sample": {"distribution": "uniform",
        "low": 1, "high": 4, "seed": 3}, "image_tokens": 700}, "batch": {"global": )" +
                                 std::to_string(8 * dp) + R"(, "micro": 1})");
    ParallelPlan degrees;
    degrees.tp = 2, degrees.pp = 2, degrees.dp = dp;
    const ProfileCache cache(job, {degrees}, 1);
    Evaluation chosen;
    chosen.plan = degrees, chosen.schedule = "bigmac";
    const DetailedPlan plan = work_out(job, cache.costs(degrees), chosen);
    SpreadOptions options;
    options.batches = 20'000, options.pool = 256;
    const Nanoseconds outside = plan.evaluation.step - plan.evaluation.iteration;
    return static_cast<double>((step_spread(job, cache, plan, options).quantile(share) - outside).value);
  };
  EXPECT_NEAR(quantile(2, 0.5) / quantile(1, std::sqrt(0.5)), 1, 0.002);
  EXPECT_GT(quantile(2, 0.5) / quantile(1, 0.5), 1.01);
}

}  // namespace
}  // namespace bigmac::test
