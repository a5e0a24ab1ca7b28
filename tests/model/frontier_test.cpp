// Time against memory, every schedule on one plan: what the README's table "Every schedule, one job" shows.
//
// For every other schedule of the job, with encoder weights whole or sharded over a node, one of the hybrids that
// live_limit_frontier() shows without being asked takes no more time and no more memory of a GPU.
//
// But for balanced: it holds each encoder layer on one rank, where hybrid's encoders are whole (or sharded over a node)
// on every rank, so it may need less memory. Hybrid is to be faster than it all the same.
#include <gtest/gtest.h>

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
      dominated = dominated || (hybrid.schedule == "hybrid" && hybrid.time <= other.time &&
                                (hybrid.memory <= other.memory || other.schedule == "balanced"));
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

}  // namespace
}  // namespace bigmac::test
