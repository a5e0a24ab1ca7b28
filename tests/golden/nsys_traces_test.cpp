// Real exports of Nsight Systems and the values that their README states.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "bigmac/profiler/import.h"
#include "bigmac/profiler/joins.h"
#include "shared_data.h"

namespace bigmac {
namespace {

TEST(NsysTraces, TwoProcessesOnTwoGpus) {
  BIGMAC_SHARED_FILE(path, "data/traces/nsys/h100_2gpu_1s.sqlite");
  const Trace trace = import_trace(path);
  const auto launched_by = launches(trace);
  std::size_t kernels = 0, launched = 0;
  std::map<std::int64_t, std::int64_t> busy_ns;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    if (trace.events.kind[i] != EventKind::kernel) continue;
    ++kernels;
    launched += launched_by[i].has_value();
    busy_ns[trace.lanes[trace.events.lane[i]].device] += trace.events.duration[i].value;
  }
  EXPECT_EQ(kernels, 3'442U);
  EXPECT_EQ(launched, 1'632U);
  EXPECT_EQ(busy_ns[0], 22'385'163);
  EXPECT_EQ(busy_ns[1], 22'444'359);
}

// What the join must not do: correlations of two processes collide.
TEST(NsysTraces, AJoinOnCorrelationsAloneFindsLaunchesThatAreNone) {
  BIGMAC_SHARED_FILE(path, "data/traces/nsys/h100_2gpu_1s.sqlite");
  const Trace trace = import_trace(path);
  std::set<std::uint64_t> calls;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (trace.events.kind[i] == EventKind::call) calls.insert(trace.events.correlation[i]);
  std::size_t matched = 0;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    matched += trace.events.kind[i] == EventKind::kernel && calls.contains(trace.events.correlation[i]);
  EXPECT_EQ(matched, 1'643U);
}

TEST(NsysTraces, AnExportWithoutRangesOrMemorySetsStillReads) {
  BIGMAC_SHARED_FILE(path, "data/traces/nsys/rtx3080_mock.sqlite");
  const Trace trace = import_trace(path);
  EXPECT_EQ(trace.devices.at(0), "NVIDIA GeForce RTX 3080");
  EXPECT_EQ(trace.notes.size(), 2U);
  EXPECT_EQ(trace.events.size(), 12U);
}

}  // namespace
}  // namespace bigmac
