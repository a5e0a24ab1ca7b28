// Real recordings of PyTorch and the values that their README states. Times in ns: its microseconds x 1000.
#include <gtest/gtest.h>

#include "bigmac/profiler/import.h"
#include "bigmac/profiler/joins.h"
#include "shared_data.h"

namespace bigmac {
namespace {

struct GpuCounts {
  std::size_t kernels = 0, copies = 0, sets = 0, launched = 0;
  std::int64_t busy_ns = 0;
  std::size_t operations() const { return kernels + copies + sets; }
};

GpuCounts count(const Trace& trace) {
  const auto launched_by = launches(trace);
  GpuCounts counts;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    if (!on_gpu(trace.events.kind[i])) continue;
    counts.kernels += trace.events.kind[i] == EventKind::kernel;
    counts.copies += trace.events.kind[i] == EventKind::copy;
    counts.sets += trace.events.kind[i] == EventKind::set;
    counts.launched += launched_by[i].has_value();
    counts.busy_ns += trace.events.duration[i].value;
  }
  return counts;
}

TEST(KinetoTraces, V100WithNanoseconds) {
  BIGMAC_SHARED_FILE(path, "data/traces/kineto/v100_ns_resolution.json.gz");
  const Trace trace = import_trace(path);
  EXPECT_EQ(trace.records, 68'692U);
  const GpuCounts counts = count(trace);
  EXPECT_EQ(counts.operations(), 6'095U);
  EXPECT_EQ(counts.kernels, 4'350U);
  EXPECT_EQ(counts.copies, 1'600U);
  EXPECT_EQ(counts.sets, 145U);
  EXPECT_EQ(counts.launched, 6'095U);
  EXPECT_EQ(counts.busy_ns, 472'454'441);
  EXPECT_EQ(trace.processes[ProcessId{0}].rank, 0);
}

TEST(KinetoTraces, EveryBackwardOperatorHasItsForward) {
  BIGMAC_SHARED_FILE(path, "data/traces/kineto/v100_ns_resolution.json.gz");
  const Trace trace = import_trace(path);
  const auto forward_of = forwards(trace);
  std::size_t backward = 0, matched = 0;
  for (std::size_t i = 0; i < trace.operators.size(); ++i) {
    backward += trace.operators[i].forward_thread != 0;
    matched += forward_of[i].has_value();
  }
  EXPECT_EQ(backward, 1'810U);
  EXPECT_EQ(matched, 1'810U);
}

TEST(KinetoTraces, V100FiveSteps) {
  BIGMAC_SHARED_FILE(path, "data/traces/kineto/v100_memory_5steps.json.gz");
  const Trace trace = import_trace(path);
  EXPECT_EQ(trace.records, 216'092U);
  const GpuCounts counts = count(trace);
  EXPECT_EQ(counts.operations(), 22'290U);
  EXPECT_EQ(counts.launched, 22'290U);
  EXPECT_EQ(counts.busy_ns, 1'000'613'000);
  EXPECT_EQ(trace.memory.size(), 28'010U);
  EXPECT_EQ(trace.processes[ProcessId{0}].rank, 1);
  EXPECT_EQ(trace.processes[ProcessId{0}].world_size, 2);
}

struct SmallTrace {
  const char* file;
  std::size_t records, operations;
  std::int64_t busy_ns;
};

class SmallKinetoTraces : public testing::TestWithParam<SmallTrace> {};

TEST_P(SmallKinetoTraces, HoldTheStatedOperations) {
  BIGMAC_SHARED_FILE(path, std::string("data/traces/kineto/") + GetParam().file);
  const Trace trace = import_trace(path);
  const GpuCounts counts = count(trace);
  if (GetParam().records != 0) {
    EXPECT_EQ(trace.records, GetParam().records);
  }
  EXPECT_EQ(counts.operations(), GetParam().operations);
  EXPECT_EQ(counts.busy_ns, GetParam().busy_ns);
}

INSTANTIATE_TEST_SUITE_P(Shared, SmallKinetoTraces,
                         testing::Values(SmallTrace{"alexnet.json.gz", 0, 98, 66'203'000},
                                         SmallTrace{"event_sync_multi_stream.json.gz", 0, 6, 372'000},
                                         SmallTrace{"triton_driver_launch.json.gz", 0, 1, 1'760},
                                         SmallTrace{"backward_thread.json", 0, 1, 45'000},
                                         SmallTrace{"sampled_rank0_of_128.json.gz", 0, 1'204, 607'844'000},
                                         SmallTrace{"sampled_rank1_of_128.json.gz", 0, 1'154, 667'530'000},
                                         SmallTrace{"mi300_activation_checkpoint.json.gz", 56'451, 3'653, 100'230'072}),
                         [](const auto& row) {
                           const std::string file = row.param.file;
                           return file.substr(0, file.find('.'));
                         });

}  // namespace
}  // namespace bigmac
