// Time against memory, every schedule on one plan: what the README's table "Every schedule, one job" shows.
//
// For every other schedule of the job, with encoder weights whole or sharded over a node, one of the hybrids that
// live_limit_frontier() shows takes no more time, of the pipeline and of the step, and no more memory of a GPU.
#include <gtest/gtest.h>

#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/frontier.h"

namespace bigmac::test {
namespace {

Job job_file(const std::string& name) { return load_job(std::string(BIGMAC_SOURCE_DIR) + "/configs/jobs/" + name); }

/// Hybrid in the job as it stands; the others in it and with their encoder weights sharded.
std::vector<FrontierPoint> points_of(const Job& job) {
  std::vector<FrontierPoint> out;
  const auto add = [&](const Job& one, bool hybrid) {
    for (const FrontierPoint& point : live_limit_frontier(one, "", 2).points)
      if (point.refusal.empty() && (hybrid || point.schedule != "hybrid")) out.push_back(point);
  };
  add(job, true);
  Job sharded = job;
  sharded.parallel.shard_sides = true;
  add(sharded, false);
  return out;
}

void expect_hybrid_dominates(const Job& job) {
  const std::vector<FrontierPoint> points = points_of(job);
  int others = 0;
  for (const FrontierPoint& other : points) {
    if (other.schedule == "hybrid") continue;
    ++others;
    bool dominated = false;
    for (const FrontierPoint& hybrid : points)
      dominated = dominated || (hybrid.schedule == "hybrid" && hybrid.time <= other.time && hybrid.step <= other.step &&
                                hybrid.memory <= other.memory);
    EXPECT_TRUE(dominated) << other.schedule << ": " << other.time.value << " ns, " << other.memory.value << " bytes";
  }
  EXPECT_GE(others, 10);
}

TEST(Frontier, hybrid_dominates_every_schedule_on_bigmac_a) {
  Job job = job_file("bigmac-a.json");
  job.parallel.tp = 1, job.parallel.pp = 8, job.parallel.vpp = 2, job.parallel.dp = 16;
  job.batch.micro = 2;
  job.parallel.recompute = "full";
  expect_hybrid_dominates(job);
}

TEST(Frontier, hybrid_dominates_every_schedule_on_optimus_d) { expect_hybrid_dominates(job_file("optimus-d.json")); }

// One microbatch held at a time is too few for interleaved's order: a search passes such a plan by.
TEST(Evaluate, gives_nothing_where_a_schedule_finds_no_order_within_its_limit) {
  const Job job = job_file("bigmac-a.json");
  ParallelPlan plan;
  plan.pp = 8, plan.vpp = 2, plan.dp = 16, plan.ep = 4, plan.micro_batch = 2, plan.recompute = Recompute::full;
  const PlanCosts costs = ProfileCache(job, {plan}, 1).costs(plan);
  const auto within = [&](std::int64_t limit) {
    return evaluate(job, plan, costs, {"hybrid", "", {{"encoder_live_limit", limit}}}, Bytes{INT64_MAX});
  };
  EXPECT_FALSE(within(1));
  EXPECT_TRUE(within(4));
}

// 4 ranks, tB = 2 tF, an encoder as dear as the LLM: bounds within limits as in sim/schedule/live_bound.h, in every
// form.
TEST(Frontier, shows_the_bound_within_each_limit) {
  const Job job = parse_job(R"({"schema": "bigmac.job/1", "pipeline": {"ranks": 4, "chunks": 1, "microbatches": 16},
    "costs_ns": {"llm": {"F": 1000, "B": 2000, "activation_bytes": 1, "transfer": 0},
                 "encoder": {"F": 1000, "B": 2000, "activation_bytes": 1, "transfer": 0}}})",
                            "test");
  const Frontier frontier = live_limit_frontier(job, "", 1);
  const auto within = [&](std::optional<std::uint32_t> limit) {
    for (const FrontierPoint& point : frontier.points)
      if (point.schedule == "hybrid" && point.limit == limit) return point;
    return FrontierPoint{};
  };
  EXPECT_EQ(within(3).bound->value, 60'750);  // rank 3 idles 1000 before its first F, 2000 after its last B
  EXPECT_GT(within(2).bound->value, 60'750);
  EXPECT_EQ(within(std::nullopt).bound->value, 60'000);
  EXPECT_EQ(frontier.bound->value, 60'000);
  EXPECT_NE(frontier_table(frontier).find("60.750 us"), std::string::npos);
  EXPECT_NE(frontier_json(frontier).find("\"lower_bound_ns\": 60750"), std::string::npos);
  const std::string chart = frontier_chart(frontier), line = "class=\"bound\" d=\"M";
  const std::size_t at = chart.find(line);
  ASSERT_NE(at, std::string::npos);
  EXPECT_NE(chart.substr(at, chart.find('>', at) - at).find('V'), std::string::npos) << "no stairs";
}

}  // namespace
}  // namespace bigmac::test
