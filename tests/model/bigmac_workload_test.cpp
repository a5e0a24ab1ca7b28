// BigMac's claim on its workload A (Qwen3-30B-A3B and a 1.3B ViT, 128 H800), by the analytic costs: as fast as the
// unlimited-memory ideal, with encoder memory that does not grow with the batch.
#include <gtest/gtest.h>

#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/space.h"
#include "support.h"

namespace bigmac::test {
namespace {

DetailedPlan plan_with(std::int64_t batch, const std::string& schedule, std::int64_t pp = 8, std::int64_t vpp = 4) {
  Job job = load_job(BIGMAC_SOURCE_DIR "/configs/jobs/bigmac-a.json");
  job.batch = {batch, 1};
  ParallelPlan plan;
  plan.pp = static_cast<int>(pp), plan.vpp = static_cast<int>(vpp), plan.dp = static_cast<int>(128 / pp), plan.ep = 4;
  plan.recompute = Recompute::full;
  const ProfileCache cache(job, {plan}, 1);
  const auto evaluation = evaluate(job, plan, cache.costs(plan), {schedule, "", {}});
  EXPECT_TRUE(evaluation.has_value());
  return work_out(job, cache.costs(plan), *evaluation);
}

TEST(BigmacWorkloadA, is_no_slower_than_upfront_and_its_encoder_memory_stays_flat) {
  // One replica of 16: batch 256, 1024, 4096 are M = 16, 64, 256 microbatches, 2, 8, 32 groups of 8.
  for (const std::int64_t batch : {256, 1024, 4096}) {
    const DetailedPlan nested = plan_with(batch, "bigmac"), ideal = plan_with(batch, "upfront");
    EXPECT_LE(static_cast<double>(nested.evaluation.step.value),
              1.01 * static_cast<double>(ideal.evaluation.step.value))
        << batch;
    const std::int64_t groups = batch / 16 / 8;
    for (const RankActivations& rank : nested.outcome.ranks) EXPECT_LE(live(rank, Role::encoder), 3u);
    for (const RankActivations& rank : ideal.outcome.ranks)
      EXPECT_EQ(live(rank, Role::encoder), static_cast<std::uint32_t>(groups));
  }
}

TEST(BigmacWorkloadA, needs_the_same_memory_for_every_batch_while_upfront_grows) {
  const auto memory = [](std::int64_t batch, const char* schedule) {
    return plan_with(batch, schedule).evaluation.memory.value;
  };
  EXPECT_EQ(memory(1024, "bigmac"), memory(4096, "bigmac"));
  EXPECT_GT(memory(4096, "upfront"), memory(1024, "upfront") + (std::int64_t{20} << 30));
}

TEST(BigmacWorkloadA, outruns_the_naive_placement) {
  const double naive = static_cast<double>(plan_with(1024, "naive").evaluation.step.value);
  EXPECT_GT(naive, 1.08 * static_cast<double>(plan_with(1024, "bigmac").evaluation.step.value));
}

}  // namespace
}  // namespace bigmac::test
