// Replays small recordings whose answer can be worked out by hand. Times in ns.
#include "bigmac/profiler/replay.h"

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/profiler/causes.h"
#include "bigmac/profiler/trace_file.h"
#include "bigmac/profiler/what_if.h"

namespace bigmac {
namespace {

const std::string kHead =
    "{\"schema\": \"bigmac.trace/1\", \"pid\": 1}\n[\"name\", 0, \"cudaLaunchKernel\"]\n[\"name\", 1, \"gemm\"]\n"
    "[\"name\", 2, \"ncclDevKernel_AllReduce\"]\n[\"name\", 3, \"cudaDeviceSynchronize\"]\n[\"name\", 4, "
    "\"cudaStreamWaitEvent\"]\n"
    "[\"name\", 5, \"cudaEventRecord\"]\n";

Trace read(const std::string& text) { return read_trace(*bytes_of(kHead + text, "t.jsonl")); }

struct Replayed {
  ReplayGraph graph;
  SlotCosts costs;
  ReplayTiming timing;
};

Replayed replay(const Trace& trace) {
  Replayed out{build_replay(trace), {}, {}};
  out.costs = replay_costs(out.graph);
  out.timing = time_replay(out.graph, out.costs);
  return out;
}

Nanoseconds time_of(const CriticalPath& path, Cause cause) { return path.times[static_cast<std::size_t>(cause)]; }

// The thread launches at 0 and 10,000; kernels of 20,000 each start 5,000 after the first launch and back to back; the
// thread waits for them from 12,000 on and needs 1,000 after.
const char* const kTwoKernels =
    "[\"call\", 0, 2000, 9, 1, 0]\n[\"kernel\", 5000, 25000, 0, 7, 1, 1]\n"
    "[\"call\", 10000, 12000, 9, 2, 0]\n[\"kernel\", 25000, 45000, 0, 7, 2, 1]\n"
    "[\"call\", 12000, 46000, 9, 3, 3]\n";

TEST(Replay, StreamOrderLaunchAndSynchronisationGiveTheRecordedTimes) {
  const Trace trace = read(kTwoKernels);
  const Replayed run = replay(trace);
  const SelfReplay self = self_replay(trace, run.graph, run.timing);
  EXPECT_EQ(self.recorded, Nanoseconds{46000});
  EXPECT_EQ(self.replayed, Nanoseconds{46000});
  EXPECT_EQ(self.placement_error, 0);
}

// Kernels twice as fast: 5,000 + 10,000 + 10,000, and the thread's 1,000 after.
TEST(Replay, FasterKernelsEndSoonerAndTheWaitingThreadWithThem) {
  const Trace trace = read(kTwoKernels);
  const Replayed run = replay(trace);
  WhatIf half;
  half.kernels = {{"gemm", 0.5}};
  std::vector<Touched> touched;
  const SlotCosts costs = what_if_costs(trace, run.graph, {}, half, touched);
  EXPECT_EQ(time_replay(run.graph, costs).length, Nanoseconds{26000});
  ASSERT_EQ(touched.size(), 1U);
  EXPECT_EQ(touched[0].operations, 2U);
  EXPECT_EQ(touched[0].after, Nanoseconds{20000});
}

// Kernels of no duration: the second cannot start before its launch at 10,000 and the latency of 5,000.
TEST(Replay, AKernelNeverStartsBeforeItsLaunch) {
  const Trace trace = read(kTwoKernels);
  const Replayed run = replay(trace);
  WhatIf none;
  none.kernels = {{"gemm", 0}};
  std::vector<Touched> touched;
  const SlotCosts costs = what_if_costs(trace, run.graph, {}, none, touched);
  EXPECT_EQ(time_replay(run.graph, costs).length, Nanoseconds{16000});
}

TEST(Replay, TheCriticalPathAndIdleTimeAddUpToTheLength) {
  const Trace trace = read(kTwoKernels);
  const Replayed run = replay(trace);
  const CriticalPath path = critical_path(trace, run.graph, run.costs, run.timing);
  EXPECT_EQ(time_of(path, Cause::begin), Nanoseconds{5000});
  EXPECT_EQ(time_of(path, Cause::kernel), Nanoseconds{40000});
  EXPECT_EQ(time_of(path, Cause::synchronise), Nanoseconds{1000});
  const auto idle = idle_by_cause(trace, run.graph, run.costs, run.timing);
  ASSERT_EQ(idle.size(), 1U);
  EXPECT_EQ(idle[0].busy, Nanoseconds{40000});
  Nanoseconds sum = idle[0].busy;
  for (const Nanoseconds part : idle[0].idle) sum += part;
  EXPECT_EQ(sum, Nanoseconds{46000});
}

// Stream 8 waits for the event recorded on stream 7 after the first kernel: it starts at 25,000, not at 9,000.
TEST(Replay, AnEventWaitHoldsTheOtherStream) {
  const Trace trace = read(
      "[\"call\", 0, 1000, 9, 1, 0]\n[\"kernel\", 5000, 25000, 0, 7, 1, 1]\n[\"call\", 1000, 1500, 9, 2, 5]\n"
      "[\"call\", 2000, 2500, 9, 3, 4]\n[\"sync\", \"stream_wait\", 3, 0, 8, 7, 2]\n"
      "[\"call\", 4000, 4500, 9, 4, 0]\n[\"kernel\", 25000, 30000, 0, 8, 4, 1]\n");
  const Replayed run = replay(trace);
  EXPECT_EQ(run.graph.edge_counts[static_cast<std::size_t>(EdgeKind::event_wait)], 1U);
  EXPECT_EQ(run.timing.length, Nanoseconds{30000});
  WhatIf slower;
  slower.kernels = {{"gemm", 2}};
  std::vector<Touched> touched;
  EXPECT_EQ(time_replay(run.graph, what_if_costs(trace, run.graph, {}, slower, touched)).length, Nanoseconds{55000});
}

// Rank 0 reaches the collective at 5,000, rank 1 at 30,000; both leave at 40,000: the transfer is rank 1's 10,000. If
// rank 1's gemm takes no time, it arrives at 10,000 (launch at 5,000, latency 5,000) and both leave at 20,000.
TEST(Replay, ACollectiveEndsOnAllRanksAfterTheLastArrival) {
  Trace trace = read("[\"call\", 0, 1000, 9, 1, 0]\n[\"kernel\", 5000, 40000, 0, 7, 1, 2]\n");
  append(trace, read("[\"call\", 0, 1000, 9, 1, 0]\n[\"kernel\", 5000, 30000, 0, 7, 1, 1]\n"
                     "[\"call\", 5000, 6000, 9, 2, 0]\n[\"kernel\", 30000, 40000, 0, 7, 2, 2]\n"));
  sort_events(trace);
  const Replayed run = replay(trace);
  EXPECT_EQ(run.timing.length, Nanoseconds{40000});
  std::vector<Touched> touched;
  WhatIf sooner;
  sooner.kernels = {{"gemm", 0}};
  EXPECT_EQ(time_replay(run.graph, what_if_costs(trace, run.graph, {}, sooner, touched)).length, Nanoseconds{20000});
  WhatIf silent;
  silent.communication = 0;
  EXPECT_EQ(time_replay(run.graph, what_if_costs(trace, run.graph, {}, silent, touched)).length, Nanoseconds{30000});
}

// Autograd's thread (10) starts when the main thread (9) rests, and the main thread goes on when it has ended.
TEST(Replay, ThreadsHandOverToOneAnother) {
  const Trace trace = read(
      "[\"call\", 0, 30000, 9, 1, 0]\n[\"kernel\", 5000, 6000, 0, 7, 1, 1]\n"
      "[\"call\", 31000, 90000, 10, 2, 0]\n[\"kernel\", 36000, 37000, 0, 7, 2, 1]\n"
      "[\"call\", 95000, 96000, 9, 3, 0]\n[\"kernel\", 100000, 101000, 0, 7, 3, 1]\n");
  const Replayed run = replay(trace);
  EXPECT_EQ(run.graph.edge_counts[static_cast<std::size_t>(EdgeKind::hand_over)], 2U);
  EXPECT_EQ(run.timing.length, Nanoseconds{101000});
}

TEST(Replay, ARecordingWithoutGpuWorkIsRefused) {
  EXPECT_THROW(build_replay(read("[\"call\", 0, 30000, 9, 1, 0]\n")), Error);
  std::vector<Touched> touched;
  const Trace trace = read(kTwoKernels);
  const ReplayGraph graph = build_replay(trace);
  WhatIf bad;
  bad.kernels = {{"(", 1}};
  EXPECT_THROW(what_if_costs(trace, graph, {}, bad, touched), Error);
  bad.kernels = {{"gemm", -1}};
  EXPECT_THROW(what_if_costs(trace, graph, {}, bad, touched), Error);
}

}  // namespace
}  // namespace bigmac
