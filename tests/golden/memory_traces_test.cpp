// Memory events of a real recording and a real snapshot.
#include <gtest/gtest.h>

#include "bigmac/profiler/import.h"
#include "bigmac/profiler/memory.h"
#include "bigmac/profiler/memory_snapshot.h"
#include "shared_data.h"

namespace bigmac {
namespace {

TEST(MemoryTraces, EachOfFiveStepsPeaksAtTheStatedBytesAndReturnsAll) {
  BIGMAC_SHARED_FILE(path, "data/traces/kineto/v100_memory_5steps.json.gz");
  const Trace trace = import_trace(path);
  std::vector<MemoryStretch> on_gpu;
  for (const MemoryStretch& step : memory_by_step(trace))
    if (step.device >= 0) on_gpu.push_back(step);
  ASSERT_EQ(on_gpu.size(), 5U);
  for (const MemoryStretch& step : on_gpu) {
    EXPECT_EQ(step.peak, Bytes{2'532'893'696}) << step.name;
    EXPECT_EQ(step.net, Bytes{0}) << step.name;
  }
}

TEST(MemoryTraces, SuccessiveTotalsDifferByTheSizeOfTheEvent) {
  BIGMAC_SHARED_FILE(path, "data/traces/kineto/v100_memory_5steps.json.gz");
  EXPECT_EQ(memory_mismatches(import_trace(path)), 0U);
}

// Against Python: pickle.load, then sums over 'segments' and over alloc and free_completed sorted by (time_us, index).
TEST(MemoryTraces, ASnapshotReadsAsPythonReadsIt) {
  BIGMAC_SHARED_FILE(path, "data/traces/torch_memory/snapshot.pickle");
  const MemorySnapshot snapshot = read_memory_snapshot(path);
  EXPECT_EQ(snapshot.trace.records, 1'040U);
  EXPECT_EQ(snapshot.trace.memory.size(), 1'040U);
  ASSERT_EQ(snapshot.segments.size(), 1U);
  EXPECT_EQ(snapshot.segments[0].segments, 5U);
  EXPECT_EQ(snapshot.segments[0].reserved, Bytes{262'144'000});
  EXPECT_EQ(snapshot.segments[0].allocated, Bytes{174'716'640});
  const auto stretches = memory_by_step(snapshot.trace);
  ASSERT_EQ(stretches.size(), 1U);
  EXPECT_EQ(stretches[0].peak, Bytes{2'255'398'132});
  EXPECT_EQ(stretches[0].net, Bytes{0});
}

}  // namespace
}  // namespace bigmac
