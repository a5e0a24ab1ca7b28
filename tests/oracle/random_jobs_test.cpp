// What the random jobs promise, and the oracle on schedules so plain that their time is a sum.
#include "oracle/random_jobs.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "oracle/oracle.h"
#include "oracle/tiny_schedule.h"

namespace bigmac::oracle {
namespace {

using nlohmann::json;

std::int64_t at(const json& costs, bool llm, int stage, int microbatch) {
  const json& own = llm && costs.is_array() ? costs.at(static_cast<std::size_t>(stage)) : costs;
  return (own.is_array() ? own.at(static_cast<std::size_t>(microbatch)) : own).get<std::int64_t>();
}

/// Sum of F and B over everything, and whether I + W is B wherever they are given.
std::int64_t total_work(const json& job, bool& split_adds_up) {
  std::int64_t total = 0;
  const int stages = job["pipeline"]["ranks"].get<int>() * job["pipeline"]["chunks"].get<int>();
  for (const auto& module : job["costs_ns"].items()) {
    const bool llm = module.key() == "llm";
    const json& costs = module.value();
    for (int s = 0; s < (llm ? stages : 1); ++s)
      for (int m = 0; m < job["pipeline"]["microbatches"].get<int>(); ++m) {
        const auto backward = at(costs["B"], llm, s, m);
        total += at(costs["F"], llm, s, m) + backward;
        if (costs.contains("I")) split_adds_up &= at(costs["I"], llm, s, m) + at(costs["W"], llm, s, m) == backward;
      }
  }
  return total;
}

/// Microbatch after microbatch, all on rank 0 of a file that names every stage.
std::string one_after_another(const json& job) {
  std::string line;
  const int stages = job["pipeline"]["ranks"].get<int>() * job["pipeline"]["chunks"].get<int>();
  const bool encoder = job["costs_ns"].contains("encoder");
  const bool generator = job["costs_ns"].contains("generator");
  for (int m = 0; m < job["pipeline"]["microbatches"].get<int>(); ++m) {
    const std::string microbatch = std::to_string(m) + " ";
    if (encoder) line += "Ef" + microbatch;
    for (int s = 0; s < stages; ++s) line += "F@" + std::to_string(s) + ":" + microbatch;
    if (generator) line += "Gf" + microbatch + "Gb" + microbatch;
    for (int s = stages - 1; s >= 0; --s) line += "B@" + std::to_string(s) + ":" + microbatch;
    if (encoder) line += "Eb" + microbatch;
  }
  return line;
}

TEST(RandomJobs, TheSameSeedGivesTheSameText) {
  EXPECT_EQ(random_job(7), random_job(7));
  EXPECT_NE(random_job(7), random_job(8));
}

TEST(RandomJobs, RunOneAfterAnotherTakeTheSumOfTheirCosts) {
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    RandomJobOptions options;
    options.max_microbatches = 8;
    const std::string text = random_job(seed, options);
    const json job = json::parse(text);
    bool split_adds_up = true;
    const auto total = total_work(job, split_adds_up);
    EXPECT_TRUE(split_adds_up);
    const auto result = retime(tiny_schedule(text, {one_after_another(job)}));
    ASSERT_TRUE(result.valid) << result.problem;
    EXPECT_EQ(result.iteration_ns, total);
    EXPECT_EQ(result.ranks[0].busy_ns, total);
    EXPECT_LE(result.ranks[0].live_encoder, 1);
    EXPECT_LE(result.ranks[0].live_generator, 1);
  }
}

TEST(RandomJobs, KeepToTheirOptions) {
  RandomJobOptions options;
  options.microbatches_multiple_of_ranks = true;
  options.encoder = true;
  options.generator = false;
  options.zeros = false;
  options.transfers = false;
  options.vary_stages = false;
  options.vary_microbatches = false;
  options.split = false;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const json job = json::parse(random_job(seed, options));
    EXPECT_EQ(job["pipeline"]["microbatches"].get<int>() % job["pipeline"]["ranks"].get<int>(), 0);
    EXPECT_TRUE(job["costs_ns"].contains("encoder"));
    EXPECT_FALSE(job["costs_ns"].contains("generator"));
    EXPECT_FALSE(job["costs_ns"]["llm"].contains("transfer"));
    EXPECT_GT(at(job["costs_ns"]["llm"]["F"], true, 0, 0), 0);
  }
}

TEST(RandomJobs, HaveTheShapeTheyAreGiven) {
  const json job = json::parse(random_job(3, JobShape{4, 2, 8}));
  EXPECT_EQ(job["pipeline"], json::parse(R"({"ranks": 4, "chunks": 2, "microbatches": 8})"));
}

}  // namespace
}  // namespace bigmac::oracle
