// Each shared recording replays itself within 3 % (Lumos, MLSys 2025, reports 3.3 % on average).
#include <gtest/gtest.h>

#include "bigmac/profiler/cut.h"
#include "bigmac/profiler/import.h"
#include "bigmac/profiler/replay.h"
#include "shared_data.h"

namespace bigmac {
namespace {

class SelfReplayOf : public testing::TestWithParam<const char*> {};

TEST_P(SelfReplayOf, IsWithinThreePercent) {
  BIGMAC_SHARED_FILE(path, std::string("data/traces/") + GetParam());
  const Trace trace = import_trace(path);
  const ReplayGraph graph = build_replay(trace);
  const ReplayTiming timing = time_replay(graph, replay_costs(graph));
  const SelfReplay self = self_replay(trace, graph, timing);
  EXPECT_LE(self.error, 0.03);
  EXPECT_LE(self.placement_error, 0.03);
  EXPECT_EQ(graph.dropped_edges, 0U);
}

INSTANTIATE_TEST_SUITE_P(Shared, SelfReplayOf,
                         testing::Values("kineto/v100_ns_resolution.json.gz", "kineto/v100_memory_5steps.json.gz",
                                         "kineto/alexnet.json.gz", "kineto/event_sync_multi_stream.json.gz",
                                         "kineto/triton_driver_launch.json.gz", "kineto/backward_thread.json",
                                         "kineto/sampled_rank0_of_128.json.gz", "kineto/sampled_rank1_of_128.json.gz",
                                         "kineto/mi300_activation_checkpoint.json.gz", "nsys/h100_2gpu_1s.sqlite",
                                         "nsys/rtx3080_mock.sqlite"),
                         [](const auto& row) {
                           const std::string file = row.param;
                           const std::size_t slash = file.find('/') + 1;
                           return file.substr(slash, file.find('.') - slash);
                         });

// A step cut out of a run begins with its streams still busy, so it is harder than the whole.
TEST(SelfReplayOfSteps, EachOfFiveIsWithinThreePercent) {
  BIGMAC_SHARED_FILE(path, "data/traces/kineto/v100_ns_resolution.json.gz");
  const Trace whole = import_trace(path);
  for (const int step : {101, 102, 103, 104, 105}) {
    const Trace trace = cut_step(whole, "ProfilerStep#" + std::to_string(step));
    const ReplayGraph graph = build_replay(trace);
    const SelfReplay self = self_replay(trace, graph, time_replay(graph, replay_costs(graph)));
    EXPECT_LE(self.error, 0.03) << step;
    EXPECT_LE(self.placement_error, 0.03) << step;
  }
}

TEST(SelfReplayOfTwoRanks, TogetherIsWithinThreePercent) {
  BIGMAC_SHARED_FILE(first, "data/traces/kineto/sampled_rank0_of_128.json.gz");
  BIGMAC_SHARED_FILE(second, "data/traces/kineto/sampled_rank1_of_128.json.gz");
  const Trace trace = import_traces({first, second});
  const ReplayGraph graph = build_replay(trace);
  EXPECT_GE(graph.edge_counts[static_cast<std::size_t>(EdgeKind::collective)], 10U);
  const ReplayTiming timing = time_replay(graph, replay_costs(graph));
  EXPECT_LE(self_replay(trace, graph, timing).error, 0.03);
}

}  // namespace
}  // namespace bigmac
