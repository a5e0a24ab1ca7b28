// The oracle itself, on schedules small enough to be timed by hand. Each test draws the timeline
// that its numbers are read from.
#include "oracle/oracle.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "oracle/tiny_schedule.h"

namespace bigmac::oracle {
namespace {

using Times = std::vector<OracleOp>;

OracleResult valid(const std::string& job, const std::vector<std::string>& ranks) {
  const OracleResult result = retime(tiny_schedule(job, ranks));
  EXPECT_TRUE(result.valid) << result.problem;
  if (result.ranks.size() == ranks.size()) return result;
  OracleResult empty;
  empty.ranks.resize(ranks.size());
  return empty;
}

std::string problem(const std::string& job, const std::vector<std::string>& ranks) {
  const OracleResult result = retime(tiny_schedule(job, ranks));
  EXPECT_FALSE(result.valid);
  return result.problem;
}

#define EXPECT_MENTIONS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Oracle, OneRankOneMicrobatchIsForwardThenBackward) {
  const auto job = tiny_job(1, 1, 1, R"("llm": {"F": 10, "B": 20, "activation_bytes": 7})");
  const auto result = valid(job, {"F0:0 B0:0"});
  EXPECT_EQ(result.ranks[0].ops, (Times{{0, 10}, {10, 30}}));
  EXPECT_EQ(result.iteration_ns, 30);
  EXPECT_EQ(result.ranks[0].busy_ns, 30);
  EXPECT_EQ(result.ranks[0].peak_activation_bytes, 7);
  EXPECT_EQ(result.ranks[0].live_llm_chunks, 1);
  EXPECT_EQ(result.ranks[0].live_encoder, 0);
}

TEST(Oracle, OneFOneBOnTwoRanksPaysTransfersBetweenRanksOnly) {
  // F 10, B 20, transfer 3, two microbatches.
  // rank 0  F0 0-10   F1 10-20                      B0 46-66 (rank 1's B0 ends 43, +3)   B1 76-96 (73+3)
  // rank 1      F0 13-23 (10+3)  B0 23-43  F1 43-53 (arrived at 23)  B1 53-73
  const auto job = tiny_job(2, 1, 2, R"("llm": {"F": 10, "B": 20, "activation_bytes": 5, "transfer": 3})");
  const auto result = valid(job, {"F0:0 F0:1 B0:0 B0:1", "F0:0 B0:0 F0:1 B0:1"});
  EXPECT_EQ(result.ranks[0].ops, (Times{{0, 10}, {10, 20}, {46, 66}, {76, 96}}));
  EXPECT_EQ(result.ranks[1].ops, (Times{{13, 23}, {23, 43}, {43, 53}, {53, 73}}));
  EXPECT_EQ(result.iteration_ns, 96);
  EXPECT_EQ(result.ranks[0].busy_ns, 60);
  EXPECT_EQ(result.ranks[0].peak_activation_bytes, 10);
  // On rank 1 microbatch 0 goes at 43, the instant at which microbatch 1 appears: never both.
  EXPECT_EQ(result.ranks[1].peak_activation_bytes, 5);
  EXPECT_EQ(result.ranks[1].live_llm_chunks, 1);
}

TEST(Oracle, ChunksOnOneRankPayNoTransfer) {
  // One rank, two chunks: F0 0-1, F1 1-2, B1 2-4, B0 4-6, whatever the transfer.
  const auto job = tiny_job(1, 2, 1, R"("llm": {"F": 1, "B": 2, "activation_bytes": 4, "transfer": 99})");
  const auto result = valid(job, {"F0:0 F1:0 B1:0 B0:0"});
  EXPECT_EQ(result.iteration_ns, 6);
  EXPECT_EQ(result.ranks[0].peak_activation_bytes, 8);
  EXPECT_EQ(result.ranks[0].live_llm_chunks, 2);
}

TEST(Oracle, CostsPerStageAndPerMicrobatchAreReadWhereTheyBelong) {
  // stage 0: F = 1 for all; stage 1: F = 10, 100. B = 2, stage 1's I defaults to 2/2.
  // rank 0  F0 0-1  F1 1-2                       B0 13-15 (rank 1's B0)  B1 114-116
  // rank 1       F0 1-11  B0 11-13  F1 13-113  I1 113-114  W1 114-115
  const auto job = tiny_job(2, 1, 2, R"("llm": {"F": [1, [10, 100]], "B": 2, "activation_bytes": [[3, 4], 9]})");
  const auto result = valid(job, {"F0:0 F0:1 B0:0 B0:1", "F0:0 B0:0 F0:1 I0:1 W0:1"});
  EXPECT_EQ(result.ranks[0].ops, (Times{{0, 1}, {1, 2}, {13, 15}, {114, 116}}));
  EXPECT_EQ(result.ranks[1].ops, (Times{{1, 11}, {11, 13}, {13, 113}, {113, 114}, {114, 115}}));
  EXPECT_EQ(result.ranks[0].peak_activation_bytes, 7);
  EXPECT_EQ(result.ranks[1].peak_activation_bytes, 9);
}

TEST(Oracle, ASplitBackwardKeepsItsMemoryUntilTheWeightGradient) {
  // I and W default to halves of 5, rounded down and the rest: I 2, W 3.
  // F0 0-10  I0 10-12  F1 12-22  W0 22-25  I1 25-27  W1 27-30: both are held from 12 to 25.
  const auto job = tiny_job(1, 1, 2, R"("llm": {"F": 10, "B": 5, "activation_bytes": 5})");
  const auto split = valid(job, {"F0:0 I0:0 F0:1 W0:0 I0:1 W0:1"});
  EXPECT_EQ(split.ranks[0].ops, (Times{{0, 10}, {10, 12}, {12, 22}, {22, 25}, {25, 27}, {27, 30}}));
  EXPECT_EQ(split.ranks[0].peak_activation_bytes, 10);
  EXPECT_EQ(valid(job, {"F0:0 B0:0 F0:1 B0:1"}).ranks[0].peak_activation_bytes, 5);
}

TEST(Oracle, TheStageBeforeWaitsForTheInputGradientOnly) {
  // rank 1: F 10-20, I 20-24, W 24-30; rank 0's backward starts at 24, not at 30.
  const auto job = tiny_job(2, 1, 1, R"("llm": {"F": 10, "B": 10, "I": 4, "W": 6})");
  const auto result = valid(job, {"F0:0 B0:0", "F0:0 I0:0 W0:0"});
  EXPECT_EQ(result.ranks[0].ops[1], (OracleOp{24, 34}));
}

TEST(Oracle, EncoderFeedsTheFirstStageAndGeneratorClosesTheLast) {
  // rank 0  E 0-5   F 5-15                             B 43-63 (LLM backward of rank 1)   Eb 63-68
  // rank 1              F 15-25  Gf 25-27  Gb 27-30  B 30-43: costs of B per stage, 20 and 13
  const auto job =
      tiny_job(2, 1, 1, R"("llm": {"F": 10, "B": [20, 13]}, "encoder": {"F": 5, "B": 5, "activation_bytes": 2},
                                        "generator": {"F": [2], "B": [3], "activation_bytes": [6]})");
  const auto result = valid(job, {"Ef0 F0:0 B0:0 Eb0", "F0:0 Gf0 Gb0 B0:0"});
  EXPECT_EQ(result.ranks[0].ops, (Times{{0, 5}, {5, 15}, {43, 63}, {63, 68}}));
  EXPECT_EQ(result.ranks[1].ops, (Times{{15, 25}, {25, 27}, {27, 30}, {30, 43}}));
  EXPECT_EQ(result.ranks[0].peak_activation_bytes, 2);
  EXPECT_EQ(result.ranks[1].peak_activation_bytes, 6);
  EXPECT_EQ(result.ranks[0].live_encoder, 1);
  EXPECT_EQ(result.ranks[1].live_generator, 1);
}

TEST(Oracle, PartsShareTheCostAndConsumersWaitForTheLast) {
  // Encoder F = 10 in 3 parts: floor 10/3 = 3, floor 20/3 - 3 = 3, 10 - 6 = 4.
  // rank 1 runs the encoder of microbatch 1 in parts around its LLM work:
  // rank 0  E0 0-10  F0 10-11                   F1 17-18 (E1 ended 16, +1)  B0 18-20  B1 21-23  Eb0 23-25
  // rank 1  E1a 0-3  E1b 3-6  F0 11-12  E1c 12-16  B0 16-18  F1 18-19  B1 19-21  Eb1 23-25
  // Only the encoder has a transfer: Eb1 starts as soon as rank 0's B1 has ended.
  const auto job = tiny_job(2, 1, 2, R"("llm": {"F": 1, "B": [[2, 2], 2], "activation_bytes": 100},
                                        "encoder": {"F": 10, "B": 2, "activation_bytes": 1, "transfer": 1})");
  const auto result = valid(job, {"Ef0 F0:0 F0:1 B0:0 B0:1 Eb0", "Ef1#0/3 Ef1#1/3 F0:0 Ef1#2/3 B0:0 F0:1 B0:1 Eb1"});
  EXPECT_EQ(result.ranks[0].ops, (Times{{0, 10}, {10, 11}, {17, 18}, {18, 20}, {21, 23}, {23, 25}}));
  EXPECT_EQ(result.ranks[1].ops, (Times{{0, 3}, {3, 6}, {11, 12}, {12, 16}, {16, 18}, {18, 19}, {19, 21}, {23, 25}}));
  EXPECT_EQ(result.ranks[1].peak_activation_bytes, 101);  // from part 0 of the encoder's forward on
}

TEST(Oracle, BackwardInPartsReleasesItsMemoryWithTheLast) {
  // E0 0-2 F0 2-3 B0 3-4 | Eb0a 4-5 | E1 5-7 | Eb0b 7-8 | F1 8-9 B1 9-10 Eb1 10-12: two encoder holdings from 5 to 8.
  const auto job = tiny_job(1, 1, 2, R"("llm": {"F": 1, "B": 1}, "encoder": {"F": 2, "B": 2, "activation_bytes": 3})");
  const auto result = valid(job, {"Ef0 F0:0 B0:0 Eb0#0/2 Ef1 Eb0#1/2 F0:1 B0:1 Eb1"});
  EXPECT_EQ(result.iteration_ns, 12);
  EXPECT_EQ(result.ranks[0].peak_activation_bytes, 6);
  EXPECT_EQ(result.ranks[0].live_encoder, 2);
}

TEST(Oracle, OperationsThatCostNothingTakeNoTimeAndHoldNothing) {
  // Everything 0: all at instant 0, and no interval has a length.
  const auto free = tiny_job(2, 1, 1, R"("llm": {"F": 0, "B": 0, "activation_bytes": 50})");
  const auto result = valid(free, {"F0:0 B0:0", "F0:0 B0:0"});
  EXPECT_EQ(result.iteration_ns, 0);
  EXPECT_EQ(result.ranks[0].ops, (Times{{0, 0}, {0, 0}}));
  EXPECT_EQ(result.ranks[0].peak_activation_bytes, 0);
  EXPECT_EQ(result.ranks[0].live_llm_chunks, 0);
  // A cycle of operations that cost nothing is a cycle all the same.
  EXPECT_MENTIONS(problem(free, {"B0:0 F0:0", "F0:0 B0:0"}), "deadlock");
}

TEST(Oracle, WhatGoesGoesBeforeWhatComesAtTheSameInstantWithFreeOperationsToo) {
  // B costs 0: F0 0-4 B0 4-4 F1 4-8 B1 8-8. Microbatch 0 goes at 4, microbatch 1 comes at 4.
  const auto job = tiny_job(1, 1, 2, R"("llm": {"F": 4, "B": 0, "activation_bytes": 5})");
  EXPECT_EQ(valid(job, {"F0:0 B0:0 F0:1 B0:1"}).ranks[0].peak_activation_bytes, 5);
}

TEST(Oracle, RecomputationRepeatsTheForwardBeforeTheBackward) {
  // F 0-10, R 10-20, B 20-25.
  const auto job = tiny_job(1, 1, 1, R"("llm": {"F": 10, "B": 5})");
  EXPECT_EQ(valid(job, {"F0:0 R0:0 B0:0"}).iteration_ns, 25);
  EXPECT_MENTIONS(problem(job, {"F0:0 B0:0 R0:0"}), "deadlock");
}

TEST(Oracle, StagesMayStandWhereTheFileSays) {
  // A V of two ranks and four stages: rank 0 holds stages 0 and 3, rank 1 stages 1 and 2. F 1, B 1, transfer 10.
  // rank 0  F@0 0-1            F@3 23-24  B@3 24-25               B@0 47-48
  // rank 1     F@1 11-12  F@2 12-13             B@2 35-36 B@1 36-37
  const auto job = tiny_job(2, 2, 1, R"("llm": {"F": 1, "B": 1, "transfer": 10})");
  const auto result = valid(job, {"F0@0:0 F1@3:0 B1@3:0 B0@0:0", "F0@1:0 F1@2:0 B1@2:0 B0@1:0"});
  EXPECT_EQ(result.ranks[0].ops, (Times{{0, 1}, {23, 24}, {24, 25}, {47, 48}}));
}

TEST(Oracle, SeveralEncodersAllFeedTheLlmAndAFrozenOneIsReleasedAfterItsForward) {
  // vision 0-3 (frozen: held 0-3), audio 3-5, F 5-6, B 6-7, audio's backward 7-8.
  auto job = nlohmann::json::parse(tiny_job(1, 1, 1, R"("llm": {"F": 1, "B": 1},
      "vision": {"F": 3, "B": 9, "activation_bytes": 40}, "audio": {"F": 2, "B": 1, "activation_bytes": 30})"));
  job["modules"] = {{"vision", {{"role", "encoder"}}}, {"audio", {{"role", "encoder"}}}};
  const auto result = valid(job.dump(), {"vision.F0 audio.F0 F0:0 B0:0 audio.B0"});
  EXPECT_EQ(result.ranks[0].ops, (Times{{0, 3}, {3, 5}, {5, 6}, {6, 7}, {7, 8}}));
  EXPECT_EQ(result.ranks[0].peak_activation_bytes, 40);  // 30 follows when 40 has gone
  EXPECT_EQ(result.ranks[0].live_encoder, 1);
  EXPECT_MENTIONS(problem(job.dump(), {"vision.F0 F0:0 audio.F0 B0:0 audio.B0"}), "deadlock");
}

TEST(Oracle, RanksThatWaitForEachOtherAreADeadlock) {
  // Rank 0 wants B0 before F1, rank 1 F1 before B0.
  const auto job = tiny_job(2, 1, 2, R"("llm": {"F": 1, "B": 1})");
  const auto text = problem(job, {"F0:0 B0:0 F0:1 B0:1", "F0:0 F0:1 B0:0 B0:1"});
  EXPECT_MENTIONS(text, "rank 0 stands before B of llm stage 0 microbatch 0");
  EXPECT_MENTIONS(text, "rank 1 stands before F of llm stage 1 microbatch 1");
}

TEST(Oracle, WhatIsMissingRepeatedOrTornIsNamed) {
  const auto job = tiny_job(1, 1, 2, R"("llm": {"F": 1, "B": 1}, "encoder": {"F": 1, "B": 1})");
  const std::string llm = " F0:0-1 B0:0-1 ";
  EXPECT_MENTIONS(problem(job, {"Ef0" + llm + "Eb0 Eb1"}), "F of encoder microbatch 1 is missing");
  EXPECT_MENTIONS(problem(job, {"Ef0 Ef1" + llm + "Eb0"}), "F of encoder microbatch 1: its backward is missing");
  EXPECT_MENTIONS(problem(job, {"Ef0 Ef1 F0:0 B0:0-1 Eb0 Eb1"}), "F of llm stage 0 microbatch 1 is missing");
  EXPECT_MENTIONS(problem(job, {"Ef0 Ef0 Ef1" + llm + "Eb0 Eb1"}), "repeated");
  EXPECT_MENTIONS(problem(job, {"Ef0 Ef1" + llm + "Eb0 Eb1 Ew1"}), "both whole and split");
  EXPECT_MENTIONS(problem(job, {"Ef0 Ef1" + llm + "Eb0 Ei1"}), "its I has no W");
  EXPECT_MENTIONS(problem(job, {"Ef0 Ef1" + llm + "Eb0 Ew1"}), "its W has no I");
  EXPECT_MENTIONS(problem(job, {"Ef0 Ef1" + llm + "Eb0 Ew1 Ei1"}), "deadlock");
  EXPECT_MENTIONS(problem(job, {"Ef0#0/2 Ef1" + llm + "Eb0 Eb1"}), "lacks parts");
  EXPECT_MENTIONS(problem(job, {"Ef0#1/2 Ef0#0/2 Ef1" + llm + "Eb0 Eb1"}), "not in order");
  EXPECT_MENTIONS(problem(job, {"Ef0#0/2 Ef0#1/3 Ef1" + llm + "Eb0 Eb1"}), "unequal");
  EXPECT_MENTIONS(problem(job, {"Ef0#0/2 Ef1" + llm + "Eb0 Eb1", "Ef0#1/2"}), "two ranks");
}

TEST(Oracle, UnreadableFilesAreInvalidAndNeverThrow) {
  for (const char* text : {"", "{", "[]", "null", "3", "{}", R"({"schema": "bigmac.schedule/2"})",
                           R"({"schema": "bigmac.schedule/1", "ranks": 3, "job": {}})"}) {
    EXPECT_FALSE(retime(text).valid) << text;
    EXPECT_FALSE(retime(text).problem.empty()) << text;
  }
  const auto job = tiny_job(1, 1, 1, R"("llm": {"F": [1, 2], "B": 1})");  // two entries for one stage
  EXPECT_MENTIONS(problem(job, {"F0:0 B0:0"}), "2 entries, not 1");
  EXPECT_MENTIONS(problem(tiny_job(1, 1, 1, R"("llm": {"F": -1, "B": 1})"), {"F0:0 B0:0"}), "between 0");
  EXPECT_MENTIONS(problem(tiny_job(1, 1, 1, R"("llm": {"F": 1})"), {"F0:0 B0:0"}), "lacks F or B");
}

}  // namespace
}  // namespace bigmac::oracle
