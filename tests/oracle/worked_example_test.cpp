// The oracle on the two worked examples of the nested pipeline, against their closed form.
#include <gtest/gtest.h>

#include "oracle/oracle.h"
#include "oracle/tiny_schedule.h"

namespace bigmac::oracle {
namespace {

// The worked examples of the nested pipeline, P = 4, V = 2, M = 8. Costs equal within each group and no transfers:
// iteration = columns of 2 groups + (M V + P - 1)(tF + tB) = 2 (500 + 1000 + 550 + 550) + 19 * 3000 = 62200.
constexpr const char* kLlm = R"("llm": {"F": 1000, "B": 2000, "activation_bytes": 100})";
constexpr const char* kEncoder = R"(, "encoder": {"F": 500, "B": 1000, "activation_bytes": 10})";
constexpr const char* kGenerator = R"(, "generator": {"F": 550, "B": 550, "activation_bytes": 10})";

TEST(Oracle, NestedPipelineWithEncoderAndGeneratorTakesWhatTheFormulaSays) {
  const auto job = tiny_job(4, 2, 8, std::string(kLlm) + kEncoder + kGenerator);
  const auto result = retime(tiny_schedule(
      job, {"Ef0 Ef4 F0:0-3 F1:0-3 F0:4-6 Gf0 Gb0 F0:7 F1:4 F1:5 F1:6 B1:0 F1:7 B1:1 B1:2 B1:3 B0:0 Gf4 Gb4 B0:1-3 Eb0 "
            "B1:4-7 B0:4-7 Eb4",
            "Ef1 Ef5 F0:0-3 F1:0-3 F0:4,5 Gf1 Gb1 F0:6 F0:7 F1:4 B1:0 F1:5 B1:1 F1:6 B1:2 F1:7 B1:3 B0:0 B0:1 Gf5 Gb5 "
            "B0:2,3 B1:4 Eb1 B1:5-7 B0:4-7 Eb5",
            "Ef2 Ef6 F0:0-3 F1:0-3 F0:4 Gf2 Gb2 F0:5 F0:6 B1:0 F0:7 B1:1 F1:4 B1:2 F1:5 B1:3 F1:6 B0:0 F1:7 B0:1 B0:2 "
            "Gf6 Gb6 B0:3 B1:4,5 Eb2 B1:6,7 B0:4-7 Eb6",
            "Ef3 Ef7 F0:0-3 F1:0-3 Gf3 Gb3 F0:4 B1:0 F0:5 B1:1 F0:6 B1:2 F0:7 B1:3 F1:4 B0:0 F1:5 B0:1 F1:6 B0:2 F1:7 "
            "B0:3 Gf7 Gb7 B1:4-6 Eb3 B1:7 B0:4-7 Eb7"}));
  ASSERT_TRUE(result.valid) << result.problem;
  EXPECT_EQ(result.iteration_ns, 62200);
  for (const auto& rank : result.ranks) {
    EXPECT_EQ(rank.busy_ns, 16 * 3000 + 2 * 2600);
    EXPECT_EQ(rank.live_encoder, 2);  // min(3, groups)
    EXPECT_EQ(rank.live_generator, 1);
  }
  EXPECT_EQ(result.ranks[0].live_llm_chunks, 2 * 3 + 2 * 4 + 1);
  EXPECT_EQ(result.ranks[0].peak_activation_bytes, 15 * 100 + 2 * 10);
}

TEST(Oracle, NestedPipelineWithoutGeneratorTakesWhatTheFormulaSays) {
  const auto job = tiny_job(4, 2, 8, std::string(kLlm) + kEncoder);
  const auto result = retime(tiny_schedule(
      job,
      {"Ef0 Ef4 F0:0-3 F1:0-3 F0:4-6 B1:0 F0:7 B1:1 F1:4 B1:2 F1:5 B1:3 F1:6 B0:0 F1:7 B0:1-3 Eb0 B1:4-7 B0:4-7 Eb4",
       "Ef1 Ef5 F0:0-3 F1:0-3 F0:4 B1:0 F0:5 B1:1 F0:6 B1:2 F0:7 B1:3 F1:4 B0:0 F1:5 B0:1 F1:6 B0:2 F1:7 B0:3 B1:4 "
       "Eb1 B1:5-7 B0:4-7 Eb5",
       "Ef2 Ef6 F0:0-3 F1:0-2 B1:0 F1:3 B1:1 F0:4 B1:2 F0:5 B1:3 F0:6 B0:0 F0:7 B0:1 F1:4 B0:2 F1:5 B0:3 F1:6 B1:4 "
       "F1:7 B1:5 Eb2 B1:6,7 B0:4-7 Eb6",
       "Ef3 Ef7 F0:0-3 F1:0 B1:0 F1:1 B1:1 F1:2 B1:2 F1:3 B1:3 F0:4 B0:0 F0:5 B0:1 F0:6 B0:2 F0:7 B0:3 F1:4 B1:4 F1:5 "
       "B1:5 F1:6 B1:6 Eb3 F1:7 B1:7 B0:4-7 Eb7"}));
  ASSERT_TRUE(result.valid) << result.problem;
  EXPECT_EQ(result.iteration_ns, 2 * 1500 + 19 * 3000);
  EXPECT_EQ(result.ranks[0].live_llm_chunks, 2 * 3 + 4 + 1);
}

}  // namespace
}  // namespace bigmac::oracle
