// CUPTI's records, fabricated: every kind, and broken ones. No GPU, no CUPTI.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "profiler/capture/decode.h"
#include "profiler/capture/gpu_capture.h"

namespace bigmac::capture {
namespace {

using namespace cupti;

constexpr Time kBase = 1000;

template <class Rec>
Rec timed(Kind kind, std::uint64_t start = 5000, std::uint64_t end = 7000) {
  Rec record{};
  record.kind = kind;
  record.start = start;
  record.end = end;
  return record;
}

template <class Wanted, class Rec>
Wanted decoded(const Rec& record) {
  const Decoded result = decode_record(reinterpret_cast<const Record&>(record), kBase);
  const Event* event = std::get_if<Event>(&result);
  EXPECT_TRUE(event != nullptr && std::holds_alternative<Wanted>(*event));
  return event == nullptr ? Wanted{} : std::get<Wanted>(*event);
}

template <class Rec>
Fault fault(const Rec& record) {
  const Decoded result = decode_record(reinterpret_cast<const Record&>(record), kBase);
  EXPECT_TRUE(std::holds_alternative<Fault>(result));
  return std::holds_alternative<Fault>(result) ? std::get<Fault>(result) : Fault::unknown_kind;
}

TEST(CaptureDecode, AKernelKeepsItsTimesPlaceNameAndShape) {
  for (const Kind kind : {Kind::kernel, Kind::concurrent_kernel}) {
    auto record = timed<KernelRecord>(kind);
    record.device = 2, record.context = 3, record.stream = 7, record.correlation = 99, record.name = "gemm",
    record.graph_node = 5;
    record.grid[0] = 8, record.grid[2] = 2, record.block[1] = 4, record.registers = 128;
    record.static_shared = 100, record.dynamic_shared = 28;
    const auto event = decoded<KernelEvent>(record);
    EXPECT_EQ(event.start, 4000);
    EXPECT_EQ(event.end, 6000);
    EXPECT_EQ(event.device, 2u);
    EXPECT_EQ(event.context, 3u);
    EXPECT_EQ(event.stream, 7u);
    EXPECT_EQ(event.correlation, 99u);
    EXPECT_EQ(event.name, "gemm");
    EXPECT_EQ(event.graph_node, 5u);
    EXPECT_EQ(event.grid[0], 8);
    EXPECT_EQ(event.grid[2], 2);
    EXPECT_EQ(event.block[1], 4);
    EXPECT_EQ(event.registers, 128u);
    EXPECT_EQ(event.shared_bytes, 128u);
  }
}

TEST(CaptureDecode, AKernelWithoutANameIsNamedEmpty) {
  EXPECT_EQ(decoded<KernelEvent>(timed<KernelRecord>(Kind::kernel)).name, "");
}

TEST(CaptureDecode, ACopyTellsItsDirectionAndAPeerCopyItsEnds) {
  auto copy = timed<CopyRecord>(Kind::memcpy);
  copy.copy_kind = 2, copy.bytes = 4096, copy.correlation = 8, copy.graph_node = 11;
  const auto event = decoded<CopyEvent>(copy);
  EXPECT_EQ(event.direction, "DtoH");
  EXPECT_EQ(event.bytes, 4096u);
  EXPECT_EQ(event.correlation, 8u);
  EXPECT_EQ(event.graph_node, 11u);
  EXPECT_EQ(event.from, -1);
  copy.copy_kind = 200;
  EXPECT_EQ(decoded<CopyEvent>(copy).direction, "unknown");
  auto peer = timed<PeerCopyRecord>(Kind::memcpy2);
  peer.source_device = 0, peer.target_device = 3, peer.correlation = 9;
  const auto between = decoded<CopyEvent>(peer);
  EXPECT_EQ(between.direction, "PtoP");
  EXPECT_EQ(between.from, 0);
  EXPECT_EQ(between.to, 3);
  EXPECT_EQ(between.correlation, 9u);
}

TEST(CaptureDecode, ASetACallAndOverhead) {
  auto set = timed<SetRecord>(Kind::memset);
  set.bytes = 77, set.stream = 5;
  EXPECT_EQ(decoded<SetEvent>(set).bytes, 77u);
  for (const Kind kind : {Kind::runtime, Kind::driver}) {
    auto call = timed<ApiRecord>(kind);
    call.thread = 42, call.callback = 211, call.correlation = 6, call.result = 2;
    const auto event = decoded<CallEvent>(call);
    EXPECT_EQ(event.thread, 42u);
    EXPECT_EQ(event.driver, kind == Kind::driver);
    EXPECT_EQ(event.callback, 211u);
    EXPECT_EQ(event.result, 2u);
  }
  auto overhead = timed<OverheadRecord>(Kind::overhead);
  overhead.overhead_kind = 1 << 16, overhead.object_kind = kObjectThread, overhead.object_id[1] = 17;
  EXPECT_EQ(decoded<OverheadEvent>(overhead).kind, "buffer_flush");
  EXPECT_EQ(decoded<OverheadEvent>(overhead).thread, 17);
  overhead.overhead_kind = 1, overhead.object_kind = 3;
  EXPECT_EQ(decoded<OverheadEvent>(overhead).kind, "compiler");
  EXPECT_EQ(decoded<OverheadEvent>(overhead).thread, -1);
}

TEST(CaptureDecode, AnAllocationIsPositiveAReleaseNegativeHostMemoryHasNoDevice) {
  MemoryRecord record{};
  record.kind = Kind::memory2, record.operation = kMemoryAllocation, record.memory_kind = 3, record.device = 1;
  record.address = 0xABC000, record.bytes = 512, record.time = 3000, record.pool_address = 7;
  const auto event = decoded<MemoryEvent>(record);
  EXPECT_EQ(event.time, 2000);
  EXPECT_EQ(event.device, 1);
  EXPECT_EQ(event.bytes, 512);
  EXPECT_EQ(event.kind, "device");
  EXPECT_EQ(event.pool, 7u);
  record.operation = kMemoryRelease, record.memory_kind = 2;
  EXPECT_EQ(decoded<MemoryEvent>(record).bytes, -512);
  EXPECT_EQ(decoded<MemoryEvent>(record).device, -1);
  record.operation = 5;
  EXPECT_EQ(fault(record), Fault::bad_value);
  record.operation = kMemoryAllocation, record.bytes = ~std::uint64_t{0};
  EXPECT_EQ(fault(record), Fault::bad_value);
  record.bytes = 1, record.time = 0;
  EXPECT_EQ(fault(record), Fault::no_time);
}

TEST(CaptureDecode, PoolsDevicesContextsStreams) {
  PoolRecord pool{};
  pool.kind = Kind::memory_pool, pool.operation = 3, pool.time = 2000, pool.size = 10, pool.used = 4;
  EXPECT_EQ(decoded<PoolEvent>(pool).operation, "trimmed");
  EXPECT_EQ(decoded<PoolEvent>(pool).used, 4u);
  DeviceRecord device{};
  device.kind = Kind::device, device.id = 3, device.name = "GPU", device.multiprocessors = 132, device.major = 9,
  device.l2_bytes = 50 << 20;
  EXPECT_EQ(decoded<DeviceEvent>(device).name, "GPU");
  EXPECT_EQ(decoded<DeviceEvent>(device).multiprocessors, 132u);
  EXPECT_EQ(decoded<ContextEvent>(ContextRecord{Kind::context, 4, 1}).device, 1u);
  EXPECT_EQ(decoded<StreamEvent>(StreamRecord{Kind::stream, 4, 13, 1}).stream, 13u);
}

TEST(CaptureDecode, SynchronisationOfEachTypeAndNoOther) {
  auto record = timed<SyncRecord>(Kind::synchronization);
  const SyncKind kinds[] = {SyncKind::event, SyncKind::stream_wait, SyncKind::stream, SyncKind::context};
  for (std::int32_t type = 1; type <= 4; ++type) {
    record.type = type;
    EXPECT_EQ(decoded<SyncEvent>(record).kind, kinds[type - 1]);
  }
  for (const std::int32_t type : {0, 5, -1}) {
    record.type = type;
    EXPECT_EQ(fault(record), Fault::bad_value);
  }
  EXPECT_EQ(decoded<EventRecorded>(EventRecord{Kind::cuda_event, 5, 1, 7, 42}).event, 42u);
}

TEST(CaptureDecode, RecordsWithoutATimeOrThatEndBeforeTheyStartAreFaults) {
  EXPECT_EQ(fault(timed<KernelRecord>(Kind::kernel, 0, 7000)), Fault::no_time);
  EXPECT_EQ(fault(timed<KernelRecord>(Kind::kernel, 5000, 4999)), Fault::backwards);
  EXPECT_EQ(fault(timed<CopyRecord>(Kind::memcpy, 5000, 0)), Fault::backwards);
  EXPECT_EQ(fault(timed<SetRecord>(Kind::memset, 0, 0)), Fault::no_time);
  EXPECT_EQ(decoded<KernelEvent>(timed<KernelRecord>(Kind::kernel, 5000, 5000)).end, 4000);  // no time at all is a time
}

TEST(CaptureDecode, AKindThatWasNotAskedForIsCountedAndHasNoSize) {
  for (const std::int32_t kind : {0, 11, 51, 1000, -1}) {
    EXPECT_EQ(record_bytes(static_cast<Kind>(kind)), 0u);
    EXPECT_EQ(fault(Record{static_cast<Kind>(kind)}), Fault::unknown_kind);
  }
}

// --- buffers
// ---------------------------------------------------------------------------------------------------------------------

/// A buffer of records, each with 24 bytes more than are read, as newer versions have.
struct Fabricated {
  std::vector<std::uint64_t> words;
  template <class Rec>
  void add(const Rec& record) {
    const std::size_t at = words.size();
    words.resize(at + sizeof(Rec) / 8 + 3, 0xABABABABABABABAB);
    std::memcpy(&words[at], &record, sizeof record);
  }
  std::uint8_t* data() { return reinterpret_cast<std::uint8_t*>(words.data()); }
  std::size_t bytes() const { return words.size() * 8; }
};

Result next_fabricated(std::uint8_t* buffer, std::size_t valid, Record** record) {
  std::size_t at = 0;
  if (*record != nullptr) {
    const auto* last = reinterpret_cast<std::uint8_t*>(*record);
    at = static_cast<std::size_t>(last - buffer) + record_bytes((*record)->kind) + 24;
  }
  if (at >= valid) return kMaxLimitReached;
  *record = reinterpret_cast<Record*>(buffer + at);
  return kSuccess;
}

DecodeCounts walk(Fabricated& buffer, std::size_t valid, std::vector<Event>& events,
                  NextRecord next = next_fabricated) {
  return decode_buffer(buffer.data(), valid, next, kBase, [&](const Event& event) { events.push_back(event); });
}

TEST(CaptureBuffer, GoodRecordsComeInOrderBrokenOnesAreCounted) {
  Fabricated buffer;
  buffer.add(timed<KernelRecord>(Kind::concurrent_kernel));
  buffer.add(timed<KernelRecord>(Kind::concurrent_kernel, 0));
  buffer.add(timed<CopyRecord>(Kind::memcpy));
  buffer.add(timed<SetRecord>(Kind::memset, 9, 8));
  buffer.add(timed<ApiRecord>(Kind::runtime));
  std::vector<Event> events;
  const DecodeCounts counts = walk(buffer, buffer.bytes(), events);
  ASSERT_EQ(events.size(), 3u);
  EXPECT_TRUE(std::holds_alternative<KernelEvent>(events[0]));
  EXPECT_TRUE(std::holds_alternative<CopyEvent>(events[1]));
  EXPECT_TRUE(std::holds_alternative<CallEvent>(events[2]));
  EXPECT_EQ(counts.records, 5u);
  EXPECT_EQ(counts.no_time, 1u);
  EXPECT_EQ(counts.backwards, 1u);
  EXPECT_EQ(counts.lost(), 2u);
}

TEST(CaptureBuffer, EveryTruncationYieldsTheWholeRecordsBeforeIt) {
  Fabricated buffer;
  for (int i = 0; i < 4; ++i) buffer.add(timed<KernelRecord>(Kind::concurrent_kernel));
  const std::size_t step = buffer.bytes() / 4;
  for (std::size_t valid = 0; valid <= buffer.bytes(); ++valid) {
    std::vector<Event> events;
    const DecodeCounts counts = walk(buffer, valid, events);
    const std::size_t whole = valid / step + (valid % step >= sizeof(KernelRecord) ? 1 : 0);
    EXPECT_EQ(events.size(), whole) << valid;
    EXPECT_EQ(counts.cut, valid % step != 0 && valid % step < sizeof(KernelRecord) ? 1u : 0u) << valid;
  }
}

TEST(CaptureBuffer, AWalkThatErrsGoesOutsideOrGoesRoundEnds) {
  Fabricated buffer;
  buffer.add(timed<KernelRecord>(Kind::concurrent_kernel));
  std::vector<Event> events;
  const NextRecord errs = [](std::uint8_t*, std::size_t, Record**) { return kInvalidKind; };
  EXPECT_EQ(walk(buffer, buffer.bytes(), events, errs).cut, 1u);
  const NextRecord outside = [](std::uint8_t* data, std::size_t valid, Record** record) {
    *record = reinterpret_cast<Record*>(data + valid);
    return kSuccess;
  };
  EXPECT_EQ(walk(buffer, buffer.bytes(), events, outside).cut, 1u);
  EXPECT_TRUE(events.empty());
  const NextRecord round = [](std::uint8_t* data, std::size_t, Record** record) {
    *record = reinterpret_cast<Record*>(data);
    return kSuccess;
  };
  EXPECT_EQ(walk(buffer, buffer.bytes(), events, round).cut, 1u);
  EXPECT_EQ(events.size(), 1u);
}

TEST(CaptureCalls, NamesLoseTheirVersionsAndTheRightOnesAreRecorded) {
  EXPECT_EQ(plain_call_name("cudaLaunchKernel_v7000"), "cudaLaunchKernel");
  EXPECT_EQ(plain_call_name("cudaLaunchKernelExC_ptsz_v11060"), "cudaLaunchKernelExC");
  EXPECT_EQ(plain_call_name("cuMemcpyHtoDAsync_v2_ptsz"), "cuMemcpyHtoDAsync_v2");
  EXPECT_EQ(plain_call_name("cuMemcpy_v"), "cuMemcpy_v");
  for (const char* name :
       {"cudaLaunchKernel", "__cudaLaunchKernel", "cudaMemcpyAsync", "cuLaunchKernelEx", "cudaMallocAsync", "cudaFree",
        "cuMemAlloc_v2", "cudaGraphLaunch", "cudaStreamWaitEvent", "cudaDeviceSynchronize", "cudaEventRecord"})
    EXPECT_TRUE(is_recorded_call(name)) << name;
  for (const char* name :
       {"cudaGetDevice", "cuCtxGetCurrent", "cudaPeekAtLastError", "cudaFuncGetAttributes", "malloc", "cu", ""})
    EXPECT_FALSE(is_recorded_call(name)) << name;
}

}  // namespace
}  // namespace bigmac::capture
