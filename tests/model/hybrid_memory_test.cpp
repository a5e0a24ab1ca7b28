// hybrid under a limit on memory: what it holds, which ranks run encoders, and that the planner asks for it.
#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/base/random.h"
#include "bigmac/planner/frontier.h"
#include "full_job.h"
#include "support.h"

namespace bigmac::test {
namespace {

/// The LLM's activations of `llm` bytes by stage, the encoder's of 10 in all.
ScheduleFile with_bytes(const Uniform& u, std::vector<std::int64_t> llm, std::uint32_t stages = 1) {
  ScheduleFile file = in_stages(u, stages);
  GivenCosts costs = given_costs_from(file.pipeline, file.costs);
  costs[0].activation_bytes = {static_cast<std::uint32_t>(llm.size()), 1, std::move(llm)};
  file.costs = cost_table_from(file.pipeline, costs);
  return file;
}

Outcome within(ScheduleFile& file, std::int64_t bytes, std::vector<HeldBytes> held = {}) {
  file.schedule = build_schedule(
      "hybrid", {file.pipeline, file.costs, "", {{"memory_limit", bytes}, {"search_fills", 60}}, std::move(held)});
  const auto result = simulate_quickly(file.pipeline, file.costs, file.schedule);
  if (const auto* fault = std::get_if<Fault>(&result)) ADD_FAILURE() << fault->message;
  return std::get<Outcome>(result);
}

// 4 ranks, 1F1B: ranks 0 to 3 hold 4, 3, 2, 1 chunk activations of 10, 10, 10, 100 bytes: 40, 30, 20, 100. In 105 bytes
// rank 3 has no room for a 10-byte encoder microbatch and runs none; the others have room for 6 and more.
TEST(HybridMemory, a_rank_without_room_runs_no_encoder) {
  ScheduleFile file = with_bytes({4, 1, 24, 1000, 2000, 900, 1800}, {10, 10, 10, 100});
  const Outcome outcome = within(file, 105);
  for (const Op& op : file.schedule.rank_ops(RankId{3})) EXPECT_EQ(op.module, kLlm);
  for (const RankActivations& rank : outcome.ranks) EXPECT_LE(rank.peak_with_transient.value, 105);
  // With room for one more it takes its share, and nobody has to do more than that.
  const Outcome roomy = within(file, 160);
  EXPECT_GT(live(roomy.ranks[3], Role::encoder), 0u);
  EXPECT_LT(roomy.iteration, outcome.iteration);
}

// What is held besides counts: 60 bytes of LLM state on rank 0, 5 of an encoder where it runs, and 8 that its holders
// share. In 118 bytes rank 0 has 118 - 60 - 40 = 18 left: 10 for one microbatch, if 5 + 8 / holders <= 8, so if three
// ranks or more hold the encoder.
TEST(HybridMemory, what_is_held_besides_counts) {
  ScheduleFile file = with_bytes({4, 1, 24, 1000, 2000, 900, 1800}, {10, 10, 10, 10});
  const HeldBytes light{Bytes{0}, Bytes{5}, Bytes{8}}, heavy{Bytes{60}, Bytes{5}, Bytes{8}};
  EXPECT_EQ(live(within(file, 118, {heavy, light, light, light}).ranks[0], Role::encoder), 1u);
  const HeldBytes dear{Bytes{60}, Bytes{5}, Bytes{40}};
  EXPECT_EQ(live(within(file, 118, {dear, light, light, light}).ranks[0], Role::encoder), 0u);
}

TEST(HybridMemory, is_kept_whatever_the_job) {
  Random random(5);
  int kept = 0, refused = 0;
  for (int i = 0; i < 60; ++i) {
    const std::int64_t ranks = random.integer(1, 3) * 2, chunks = random.integer(1, 3);
    const std::uint32_t stages = random.integer(0, 2) == 0 ? 2 : 1;
    std::vector<std::int64_t> llm;
    for (std::int64_t s = 0; s < ranks * chunks; ++s) llm.push_back(random.integer(1, 20));
    ScheduleFile file = with_bytes(
        {ranks, chunks, random.integer(2, 6) * ranks, 1000, 2000, random.integer(100, 4000), random.integer(100, 8000)},
        llm, stages);
    const std::int64_t limit = random.integer(60, 60 * ranks * chunks);
    try {
      for (const RankActivations& rank : within(file, limit).ranks) EXPECT_LE(rank.peak_with_transient.value, limit);
      ++kept;
    } catch (const Error& refusal) {
      EXPECT_NE(std::string(refusal.what()).find("memory_limit"), std::string::npos);
      ++refused;
    }
  }
  EXPECT_GT(kept, 15);
  EXPECT_GT(refused, 5);
}

// A plan that holds more than the limit under hybrid is tried again within it.
TEST(HybridMemory, planners_ask_for_it) {
  const Job job = full_job("qwen2.5-vl-7b", "h100-80g", 8,
                           R"(, "data": {"sequence_length": 4096, "images_per_sample": 4, "image_tokens": 1024},
                              "batch": {"global": 32, "micro": 1})");
  ParallelPlan plan;
  plan.pp = 4, plan.vpp = 2, plan.dp = 2, plan.recompute = Recompute::full, plan.encoder_recompute = Recompute::none;
  const PlanCosts costs = ProfileCache(job, {plan}, 1).costs(plan);
  const ScheduleChoice hybrid{"hybrid", "", {{"search_fills", 0}}};
  const auto free = evaluate(job, plan, costs, hybrid);
  ASSERT_TRUE(free.has_value());
  const Bytes limit{free->memory.value - 2'000'000'000};
  const auto found = evaluate(job, plan, costs, hybrid, limit);
  ASSERT_TRUE(found.has_value());
  EXPECT_LE(found->memory, limit);
  EXPECT_GE(found->iteration, free->iteration);
  EXPECT_EQ(found->parameters.at("memory_limit"), limit.value);
  EXPECT_EQ(work_out(job, costs, *found).evaluation.step, found->step);
}

}  // namespace
}  // namespace bigmac::test
