// Targets: the fastest plan that meets them, else the nearest and what each limit would have to be.
#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/targets.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

// A front of three: (7 s, 70 GB, 40 %), (8 s, 50 GB, 35 %), (10 s, 30 GB, 28 %). 32 samples of 1000 tokens on 8 GPUs.
const Job& job() {
  static const Job job =
      full_job("llama-3.1-8b", "h100-80g", 8, R"(, "data": {"sequence_length": 1000}, "batch": {"global": 32})");
  return job;
}

std::vector<Evaluation> front() {
  const auto plan = [](std::int64_t seconds, std::int64_t gigabytes, double mfu) {
    Evaluation e;
    e.schedule = "1f1b";
    e.step = Nanoseconds{seconds * 1'000'000'000}, e.memory = Bytes{gigabytes * 1'000'000'000}, e.mfu = mfu;
    return e;
  };
  return {plan(7, 70, 0.40), plan(8, 50, 0.35), plan(10, 30, 0.28)};
}

std::vector<Target> targets(const std::vector<std::string>& texts) {
  std::vector<Target> out;
  for (const std::string& text : texts) out.push_back(parse_target(text, "--target"));
  return out;
}

TEST(Targets, are_met_by_the_fastest_plan_within_all_limits) {
  const TargetAnswer answer = meet_targets(job(), front(), targets({"memory<=60GB", "mfu>=30%"}));
  ASSERT_TRUE(answer.met);
  EXPECT_EQ(answer.met->step.value, 8'000'000'000);
  EXPECT_FALSE(answer.nearest);
  EXPECT_EQ(target_lines(answer, targets({"memory<=60GB", "mfu>=30%"})).rfind("targets met: ", 0), 0u);
}

// 45 GB and 33 %: the second plan lacks 50/45 - 1 = 11 % of memory, the third 33/28 - 1 = 18 % of MFU, the first 56 %.
TEST(Targets, name_the_nearest_plan_and_what_each_limit_would_have_to_be) {
  const TargetAnswer answer = meet_targets(job(), front(), targets({"memory<=45GB", "mfu>=33%"}));
  EXPECT_FALSE(answer.met);
  ASSERT_TRUE(answer.nearest);
  EXPECT_EQ(answer.nearest->step.value, 8'000'000'000);
  ASSERT_EQ(answer.relaxed.size(), 2u);
  EXPECT_EQ(answer.relaxed[0], 50e9);  // with 33 % kept, the second plan's memory
  EXPECT_EQ(answer.relaxed[1], 0.28);  // with 45 GB kept, the third plan's MFU
}

TEST(Targets, say_when_no_value_of_one_limit_is_enough) {
  const auto wanted = targets({"memory<=10GB", "step<=1s", "tokens>=100"});
  const TargetAnswer answer = meet_targets(job(), front(), wanted);
  ASSERT_TRUE(answer.nearest);
  EXPECT_FALSE(answer.relaxed[0]);
  EXPECT_FALSE(answer.relaxed[1]);
  EXPECT_NE(target_lines(answer, wanted).find("no value of it is enough"), std::string::npos);
}

// 32 x 1000 tokens in 8 s on 8 GPUs: 500 a second and GPU.
TEST(Targets, count_tokens_a_second_and_gpu) {
  EXPECT_DOUBLE_EQ(tokens_per_gpu_second(job(), front()[1]), 500);
  EXPECT_EQ(meet_targets(job(), front(), targets({"tokens>=500", "memory<=55GB"})).met->memory.value, 50'000'000'000);
  EXPECT_FALSE(meet_targets(job(), front(), targets({"tokens>=501", "memory<=55GB"})).met);
}

TEST(Targets, read_units_and_refuse_the_rest) {
  EXPECT_EQ(parse_target("step<=1500ms", "").limit, 1.5e9);
  EXPECT_EQ(parse_target("memory<=1GiB", "").limit, 1073741824.0);
  EXPECT_EQ(parse_target("mfu>=40%", "").limit, 0.4);
  for (const char* wrong : {"", "memory", "memory>=60GB", "mfu<=40%", "memory<=", "step<=7", "speed>=3", "mfu>=-1%",
                            "mfu>=nan", "step<=infs", "tokens>=5k"})
    EXPECT_THROW(parse_target(wrong, "--target"), Error) << wrong;
}

}  // namespace
}  // namespace bigmac::test
