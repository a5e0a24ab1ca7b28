// Every schedule over random integer costs, per microbatch and per stage, with transfers: times, busy times, peaks and
// live counts equal the brute-force oracle's, which reads the schedule file alone and shares no code.
#include <algorithm>
#include <cctype>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "bigmac/base/error.h"
#include "bigmac/schedule/rides.h"
#include "oracle/oracle.h"
#include "oracle/random_jobs.h"
#include "support.h"

namespace bigmac::test {
namespace {

void expect_agreement(const ScheduleFile& file, const Outcome& outcome, const std::string& text) {
  const oracle::OracleResult expected = oracle::retime(text);
  ASSERT_TRUE(expected.valid) << expected.problem;
  ASSERT_EQ(outcome.iteration.value, expected.iteration_ns);
  EXPECT_LE(outcome.lower_bound, outcome.iteration);
  for (std::uint32_t rank = 0; rank < file.pipeline.ranks; ++rank) {
    const RankActivations& ours = outcome.ranks[rank];
    const auto& theirs = expected.ranks[rank];
    ASSERT_EQ(ours.busy.value, theirs.busy_ns);
    ASSERT_EQ(ours.peak.value, theirs.peak_activation_bytes);
    ASSERT_EQ(live(ours, Role::encoder), static_cast<std::uint32_t>(theirs.live_encoder));
    ASSERT_EQ(live(ours, Role::generator), static_cast<std::uint32_t>(theirs.live_generator));
    ASSERT_EQ(live(ours, Role::llm), static_cast<std::uint32_t>(theirs.live_llm_chunks));
    EXPECT_GE(outcome.lower_bound, ours.busy);
    for (std::uint32_t i = file.schedule.first[rank]; i < file.schedule.first[rank + 1]; ++i) {
      const OpTimes times = op_times(outcome.graph, outcome.slots, outcome.timing, i);
      const auto& op = theirs.ops[i - file.schedule.first[rank]];
      ASSERT_EQ(times.start.value, op.start);
      ASSERT_EQ(times.end.value, op.end);
    }
  }
}

// Builds and compares; a refusal must carry its reason. Returns whether it ran.
bool try_schedule(const ScheduleInfo& info, const std::string& base, const std::string& job_text) {
  ScheduleFile file;
  file.job = parse_job(job_text, "random");
  file.pipeline = file.job.abstract->pipeline;
  file.costs = cost_table_from(file.pipeline, file.job.abstract->costs);
  try {
    // A short local search takes the same steps as a long one; two jobs in three go without.
    std::map<std::string, std::int64_t> parameters;
    if (info.name == "hybrid") parameters["search_fills"] = job_text.size() % 3 == 0 ? 6 : 0;
    file.schedule = build_schedule(info.name, {file.pipeline, file.costs, base, parameters});
    EXPECT_FALSE(find_bad_ride(file.pipeline, file.costs, file.schedule).has_value());
    file.take_costs(file.costs);
  } catch (const Error& refusal) {
    EXPECT_GT(std::string(refusal.what()).size(), 20u);
    return false;
  }
  EXPECT_FALSE(find_incompleteness(file.pipeline, file.schedule).has_value()) << info.name;
  auto result = simulate(file.pipeline, file.costs, file.schedule);
  if (const auto* fault = std::get_if<Fault>(&result)) {
    ADD_FAILURE() << info.name << ": " << fault->message << "\n" << job_text;
    return true;
  }
  const Outcome& outcome = std::get<Outcome>(result);
  const std::string text = schedule_file_text(file, outcome);
  expect_agreement(file, outcome, text);
  const ReadSchedule read = parse_schedule(text, "random");
  EXPECT_EQ(read.file.schedule.ops, file.schedule.ops);
  EXPECT_FALSE(find_disagreement(read, outcome).has_value()) << find_disagreement(read, outcome).value_or("");
  EXPECT_EQ(schedule_file_text(read.file, outcome).substr(0, 40), text.substr(0, 40));
  return true;
}

std::int64_t least(const nlohmann::ordered_json& cost) {
  if (!cost.is_array()) return cost.get<std::int64_t>();
  std::int64_t out = INT64_MAX;
  for (const auto& entry : cost) out = std::min(out, least(entry));
  return out;
}

// Tensor-parallel waits in the LLM, and kernels that fit some of them.
void add_rides(nlohmann::ordered_json& costs, std::uint64_t seed) {
  for (auto& [name, module] : costs.items()) {
    if (name.starts_with("generator")) continue;
    for (const char* kind : {"F", "B"}) {
      const std::int64_t pass = least(module[kind]), count = 1 + static_cast<std::int64_t>(seed / 7 % 6);
      auto& rides = module[std::string(kind) + "_rides"];
      if (name == "llm") rides = {{"count", count}, {"length", pass / (count + 1)}};
      else rides = {{"count", 8}, {"length", pass / 8}, {"per_wait", 1 + seed % 3}, {"communication", pass / 10}};
    }
  }
}

// Encoders cut into stages, as many as there are ranks or the fewest that divide them. A stage's costs are those of
// the whole, a microbatch on.
void cut_encoders(nlohmann::ordered_json& job, std::uint64_t seed) {
  const int ranks = job["pipeline"]["ranks"].get<int>();
  int stages = ranks;
  for (int divisor = ranks; divisor > 1 && seed % 2 == 0; --divisor)
    if (ranks % divisor == 0) stages = divisor;
  if (stages == 1) return;
  for (auto& [name, module] : job["costs_ns"].items()) {
    if (!name.starts_with("encoder")) continue;
    job["modules"][name]["stages"] = stages;
    for (auto& [kind, cost] : module.items()) {
      const nlohmann::ordered_json whole = cost;
      cost = nlohmann::ordered_json::array();
      for (int s = 0; s < stages; ++s) {
        cost.push_back(whole);
        if (whole.is_array())
          std::rotate(cost.back().begin(), cost.back().begin() + s % static_cast<int>(whole.size()), cost.back().end());
      }
    }
  }
}

// Some jobs get a second encoder or generator, some an encoder that is frozen, and some encoders of several stages.
std::string with_more_modules(const std::string& job_text, std::uint64_t seed) {
  auto job = nlohmann::ordered_json::parse(job_text);
  auto& costs = job["costs_ns"];
  if (seed % 4 == 1 && costs.contains("encoder")) costs["encoder_b"] = costs["encoder"];
  if (seed % 4 == 2 && costs.contains("generator")) costs["generator_b"] = costs["generator"];
  if (seed % 6 == 3 && costs.contains("encoder")) job["modules"]["encoder"]["frozen"] = true;
  if (seed % 7 >= 4) add_rides(costs, seed);
  else if (seed % 7 >= 2) cut_encoders(job, seed);
  return job.dump();
}

class EverySchedule : public testing::TestWithParam<std::string> {};

TEST_P(EverySchedule, agrees_with_the_oracle_on_random_jobs) {
  const ScheduleInfo& info = find_schedule(GetParam());
  int ran = 0;
  const bool alone = info.is_base;
  // Schedules that refuse most shapes see more of them; one shape in sixteen is large.
  for (std::uint64_t seed = 0; seed < 240 || (ran < 50 && seed < 3000); ++seed) {
    oracle::RandomJobOptions options;
    options.microbatches_multiple_of_ranks = seed % 3 == 0;
    if (seed % 16 == 7) options.max_ranks = 16, options.max_chunks = 6, options.max_microbatches = 64;
    if (seed % 5 == 0) options.max_chunks = 1;
    if (seed % 5 == 1) options.max_chunks = 2;
    if (alone) options.encoder = options.generator = false;
    const std::string job = with_more_modules(oracle::random_job(seed, options), seed);
    if (info.bases.empty()) ran += try_schedule(info, "", job) ? 1 : 0;
    for (const std::string& base : info.bases) ran += try_schedule(info, base, job) ? 1 : 0;
    if (HasFailure()) FAIL() << "seed " << seed << "\n" << job;
  }
  EXPECT_GE(ran, 50) << "too few jobs were schedulable to call this a test";
}

std::vector<std::string> names() {
  std::vector<std::string> out;
  for (const ScheduleInfo& info : all_schedules()) out.push_back(info.name);
  return out;
}

std::string test_name(const testing::TestParamInfo<std::string>& schedule) {
  std::string name = schedule.param;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Registry, EverySchedule, testing::ValuesIn(names()), test_name);

}  // namespace
}  // namespace bigmac::test
