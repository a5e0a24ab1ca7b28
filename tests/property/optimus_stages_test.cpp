// Optimus with encoders of several stages, over random jobs: every schedule holds, and no effort is worse than less.
#include <cmath>
#include <cstdio>
#include <tuple>

#include <gtest/gtest.h>

#include "bigmac/base/random.h"
#include "bigmac/schedule/job_bound.h"
#include "oracle/oracle.h"
#include "support.h"

namespace bigmac::test {
namespace {

/// Encoders of `stages` stages; every pass of every stage and microbatch costs what is drawn for it.
ScheduleFile random_stages(std::uint64_t seed, std::uint32_t ranks, std::uint32_t stages) {
  Random random(seed);
  const auto count = static_cast<std::uint32_t>(random.integer(2, 4 * ranks));
  const auto chunks = static_cast<std::uint32_t>(random.integer(1, 3));
  const std::int64_t transfer = seed % 3 == 0 ? 70 : 0, dear = seed % 2 == 0 ? 3000 : 800;
  const auto drawn = [&](std::uint32_t rows, std::int64_t most) {
    CostSeries out{rows, count, {}};
    for (std::uint32_t i = 0; i < rows * count; ++i) out.values.push_back(random.integer(0, most));
    return out;
  };
  const auto module = [&](const std::string& name, std::uint32_t rows, std::int64_t most) {
    return GivenModuleCosts{name, drawn(rows, most),      drawn(rows, 2 * most),       {}, {},
                            {},   CostSeries{1, 1, {10}}, CostSeries{1, 1, {transfer}}};
  };
  GivenCosts costs = {module("llm", ranks * chunks, 1000), module("vision", stages, dear)};
  std::vector<std::string> encoders{"vision"};
  if (seed % 4 == 1) encoders.push_back("audio"), costs.push_back(module("audio", stages, 500));
  ScheduleFile file;
  file.pipeline = make_pipeline(ranks, chunks, count, encoders, {}, "test");
  for (const ModuleId encoder : file.pipeline.encoders) {
    file.pipeline.modules[encoder].stages = stages;
    file.pipeline.modules[encoder].backward = seed % 5 != 4;
  }
  file.costs = cost_table_from(file.pipeline, costs);
  return file;
}

TEST(OptimusStages, no_effort_is_slower_than_less_and_every_file_holds) {
  int ran = 0, greedy_won = 0, best_won = 0;
  for (std::uint64_t seed = 0; seed < 150; ++seed)
    for (const auto& [ranks, stages] : {std::pair{2u, 2u}, {4u, 2u}, {4u, 4u}, {6u, 3u}, {8u, 2u}}) {
      ScheduleFile file = random_stages(seed, ranks, stages);
      std::vector<Nanoseconds> times;
      for (const std::int64_t effort : {0, 1, 2}) {
        const Outcome outcome = simulate_or_fail(file, "optimus", {{"packing", effort}});
        EXPECT_GE(outcome.iteration, job_lower_bound(file.pipeline, file.costs));
        times.push_back(outcome.iteration);
        if (seed % 10 != 0) continue;
        const oracle::OracleResult expected = oracle::retime(schedule_file_text(file, outcome));
        ASSERT_TRUE(expected.valid) << expected.problem;
        EXPECT_EQ(expected.iteration_ns, outcome.iteration.value);
      }
      EXPECT_LE(times[1], times[0]) << "seed " << seed;
      EXPECT_LE(times[2], times[1]) << "seed " << seed;
      greedy_won += times[1] < times[0] ? 1 : 0, best_won += times[2] < times[1] ? 1 : 0, ++ran;
    }
  std::printf("  greedy faster than coarse in %d of %d, minimal shift and owners than that in %d\n", greedy_won, ran,
              best_won);
  EXPECT_GE(greedy_won, ran / 10);
  EXPECT_GE(best_won, ran / 2);
}

/// tB = 2 tF; encoder work on a microbatch is e times what a rank's LLM work on it is, lognormal where sigma is not 0.
ScheduleFile cut_encoder(std::int64_t ranks, std::int64_t chunks, std::int64_t groups, double e, double sigma,
                         std::uint32_t stages) {
  const auto count = static_cast<std::uint32_t>(ranks * groups);
  Random random(static_cast<std::uint64_t>(1000 * ranks + 100 * chunks + count) + static_cast<std::uint64_t>(10 * e));
  std::vector<double> spread;
  for (std::uint32_t m = 0; m < count; ++m) spread.push_back(std::exp(sigma * random.normal() - sigma * sigma / 2));
  CostSeries forward{stages, count, {}}, backward{stages, count, {}};
  for (std::uint32_t stage = 0; stage < stages; ++stage)
    for (const double here : spread) {
      const double cost = e * static_cast<double>(chunks) * 100'000 * here / stages;
      forward.values.push_back(std::llround(cost)), backward.values.push_back(std::llround(2 * cost));
    }
  const CostSeries one{1, 1, {1}}, none{1, 1, {0}};
  ScheduleFile file;
  file.pipeline = make_pipeline(ranks, chunks, count, {"encoder"}, {}, "test");
  file.pipeline.modules[file.pipeline.encoders[0]].stages = stages;
  file.costs = cost_table_from(file.pipeline, {given("llm", 100'000, 200'000, 1, 0),
                                               GivenModuleCosts{"encoder", forward, backward, {}, {}, {}, one, none}});
  return file;
}

struct Means {
  double coarse = 0, best = 0;  // time over the job's bound
};

Means over_jobs(double sigma, bool whole, std::uint32_t stages) {
  Means out;
  int jobs = 0;
  for (const std::int64_t ranks : {4, 8})
    for (const std::int64_t chunks : {1, 2})
      for (const std::int64_t groups : {4, 8})
        for (const double e : {0.3, 1.0, 2.0}) {
          const auto cut = whole ? static_cast<std::uint32_t>(ranks) : stages;
          ScheduleFile file = cut_encoder(ranks, chunks, groups, e, sigma, cut);
          const auto bound = static_cast<double>(job_lower_bound(file.pipeline, file.costs).value);
          const auto ratio = [&](std::int64_t effort) {
            const Outcome outcome = simulate_or_fail(file, "optimus", {{"packing", effort}});
            return static_cast<double>(outcome.iteration.value) / bound;
          };
          out.coarse += ratio(0), out.best += ratio(2), ++jobs;
        }
  return {out.coarse / jobs, out.best / jobs};
}

// The table in sim/schedule/README.md.
TEST(OptimusStages, stay_near_the_bound) {
  for (const auto& [sigma, one, two, whole] : {std::tuple{0.0, 1.02, 1.02, 1.02}, std::tuple{0.5, 1.02, 1.04, 1.06}}) {
    const Means single = over_jobs(sigma, false, 1), pair = over_jobs(sigma, false, 2), all = over_jobs(sigma, true, 0);
    std::printf("  sigma %.1f, coarse and as built: S 1 %.3f %.3f, S 2 %.3f %.3f, S P %.3f %.3f\n", sigma,
                single.coarse, single.best, pair.coarse, pair.best, all.coarse, all.best);
    EXPECT_LE(single.best, one);
    EXPECT_LE(pair.best, two);
    EXPECT_LE(all.best, whole);
  }
}

// Two pipelines of two ranks, next to no LLM, passes of 9 1 1 1 9 1 1 1 a stage: round robin gives one pipeline both
// dear ones, 20 of 24 on a stage, forward and backward 40 and what a stage waits for the other. Dealt evenly 12 of 24.
TEST(OptimusStages, dear_microbatches_are_dealt_to_different_pipelines) {
  CostSeries passes{2, 8, {}};
  for (int stage = 0; stage < 2; ++stage)
    for (const std::int64_t cost : {9, 1, 1, 1, 9, 1, 1, 1}) passes.values.push_back(1000 * cost);
  const CostSeries one{1, 1, {1}}, none{1, 1, {0}};
  ScheduleFile file;
  file.pipeline = make_pipeline(4, 1, 8, {"encoder"}, {}, "test");
  file.pipeline.modules[file.pipeline.encoders[0]].stages = 2;
  file.costs = cost_table_from(
      file.pipeline, {given("llm", 1, 1, 1, 0), GivenModuleCosts{"encoder", passes, passes, {}, {}, {}, one, none}});
  EXPECT_GE(simulate_or_fail(file, "optimus", {{"packing", 0}}).iteration.value, 40'000);
  EXPECT_LE(simulate_or_fail(file, "optimus").iteration.value, 2 * (12'000 + 9'000) + 100);
}

}  // namespace
}  // namespace bigmac::test
