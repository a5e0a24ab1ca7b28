// A libcupti for machines without one: the functions that the recorder calls, and a "GPU" thread that fills the
// recorder's buffers with fabricated records of the newest CUPTI's sizes. FAKE_CUPTI chooses a behaviour: empty, "held"
// (another tool subscribed), "no_driver", "stolen" (another tool took the buffers), "broken" (some records without
// times).
#include <time.h>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "profiler/capture/cupti_abi.h"

using namespace bigmac::cupti;

namespace {

std::string behaviour() {
  const char* text = std::getenv("FAKE_CUPTI");
  return text == nullptr ? "" : text;
}

std::uint64_t (*clock_of_tool)() = nullptr;
std::uint64_t now() {
  if (clock_of_tool != nullptr) return clock_of_tool();
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(t.tv_nsec);
}

BufferRequested requested = nullptr;
BufferCompleted completed = nullptr;
CallbackFunction subscriber = nullptr;
void* subscriber_data = nullptr;
std::atomic<bool> enabled[64];
std::atomic<std::uint32_t> next_correlation{1};
std::atomic<std::uint64_t> next_node{1};

/// Bytes of the record in CUPTI 13.0, so that a walk by our own shorter sizes fails.
std::size_t real_bytes(Kind kind) {
  switch (kind) {
    case Kind::kernel:
    case Kind::concurrent_kernel: return 224;
    case Kind::memcpy: return 112;
    case Kind::memcpy2: return 120;
    case Kind::memset: return 104;
    case Kind::memory2: return 144;
    case Kind::memory_pool: return 88;
    case Kind::device: return 208;
    default: return 64;
  }
}

std::mutex mutex;
std::uint8_t* buffer = nullptr;
std::size_t size = 0, used = 0;

void deliver() {  // the lock is held by nobody while the tool is called
  std::uint8_t* full = nullptr;
  std::size_t bytes = 0, valid = 0;
  {
    const std::lock_guard lock(mutex);
    full = buffer, bytes = size, valid = used;
    buffer = nullptr;
    used = 0;
  }
  if (full != nullptr && completed != nullptr) completed(nullptr, 0, full, bytes, valid);
}

template <class Rec>
void emit(const Rec& record) {
  if (!enabled[static_cast<int>(record.kind)] || behaviour() == "stolen") return;
  const std::size_t bytes = real_bytes(record.kind);
  while (true) {
    {
      const std::lock_guard lock(mutex);
      if (buffer == nullptr) {
        std::size_t most = 0;
        requested(&buffer, &size, &most);
        if (buffer == nullptr) return;
      }
      if (used + bytes <= size) {
        std::memset(buffer + used, 0xAB, bytes);  // what CUPTI appends must not be read
        std::memcpy(buffer + used, &record, sizeof record);
        used += bytes;
        return;
      }
    }
    deliver();
  }
}

std::vector<std::string> names(Domain domain) {
  if (domain == Domain::runtime)
    return {"INVALID", "cudaLaunchKernel_v7000", "cudaMalloc_v3020", "cudaGetDevice_v3020", "cudaDeviceReset_v3020"};
  return {"INVALID", "cuInit", "cuLaunchKernel", "cuGraphLaunch", "cuProfilerStop"};
}

void call_tool(Domain domain, std::uint32_t id, const void* data) {
  if (subscriber != nullptr) subscriber(subscriber_data, domain, id, data);
}

void api(Kind kind, std::uint32_t callback, std::uint32_t correlation, std::uint32_t thread) {
  ApiRecord record{};
  record.kind = kind;
  record.callback = callback;
  record.start = now();
  record.end = record.start + 1500;
  record.thread = thread;
  record.correlation = correlation;
  emit(record);
}

void kernel(const char* name, std::uint32_t correlation, std::uint64_t node, int number) {
  KernelRecord record{};
  record.kind = Kind::concurrent_kernel;
  record.start = now();
  record.end = record.start + 10000;
  record.context = 1;
  record.stream = 7;
  record.grid[0] = 4, record.grid[1] = 2, record.grid[2] = 1;
  record.block[0] = 128, record.block[1] = record.block[2] = 1;
  record.registers = 40;
  record.static_shared = 1024;
  record.dynamic_shared = 2048;
  record.correlation = correlation;
  record.name = name;
  record.graph_node = node;
  if (behaviour() == "broken" && number % 10 == 0) record.start = 0;
  if (behaviour() == "broken" && number % 10 == 1) record.end = record.start - 1;
  emit(record);
}

}  // namespace

extern "C" {

Result cuptiGetVersion(std::uint32_t* version) { return *version = 130001, kSuccess; }
Result cuptiGetResultString(Result, const char** text) { return *text = "FAKE_ERROR", kSuccess; }

Result cuptiSubscribe_v2(void** handle, CallbackFunction function, void* data, SubscriberParams* params) {
  if (behaviour() == "no_driver") return kUnknownError;
  if (behaviour() == "held") {
    std::strncpy(params->old_name, "CUPTI for other-tool", params->old_name_size - 1);
    return kMultipleSubscribers;
  }
  *handle = &subscriber;
  subscriber = function;
  subscriber_data = data;
  return kSuccess;
}
Result cuptiSubscribe(void** handle, CallbackFunction function, void* data) {
  return cuptiSubscribe_v2(handle, function, data, nullptr);
}
Result cuptiEnableCallback(std::uint32_t, void*, Domain, std::uint32_t) { return kSuccess; }
Result cuptiGetCallbackName(Domain domain, std::uint32_t id, const char** name) {
  static const std::vector<std::string> runtime = names(Domain::runtime), driver = names(Domain::driver);
  const auto& list = domain == Domain::runtime ? runtime : driver;
  if (id >= list.size()) return 1;
  *name = list[id].c_str();
  return kSuccess;
}
Result cuptiSetThreadIdType(std::uint32_t) { return kSuccess; }
Result cuptiActivityRegisterTimestampCallback(std::uint64_t (*clock)()) {
  if (behaviour() == "own_clock") return 1;
  return clock_of_tool = clock, kSuccess;
}
Result cuptiGetTimestamp(std::uint64_t* time) { return *time = now(), kSuccess; }
Result cuptiActivityRegisterCallbacks(BufferRequested request, BufferCompleted complete) {
  requested = request;
  completed = complete;
  return kSuccess;
}
Result cuptiActivityEnable(Kind kind) {
  enabled[static_cast<int>(kind)] = true;
  if (kind == Kind::device) {
    DeviceRecord record{};
    record.kind = kind;
    record.name = "Fake GPU";
    record.multiprocessors = 132;
    record.memory_bytes = 80'000'000'000ULL;
    record.major = 9;
    emit(record);
  }
  if (kind == Kind::context) {
    ContextRecord record{kind, 1, 0};
    emit(record);
  }
  return kSuccess;
}
Result cuptiActivityDisable(Kind kind) { return enabled[static_cast<int>(kind)] = false, kSuccess; }
Result cuptiActivityEnableRuntimeApi(std::uint32_t id, std::uint8_t on) {
  if (id == 1) enabled[static_cast<int>(Kind::runtime)] = on != 0;
  return kSuccess;
}
Result cuptiActivityEnableDriverApi(std::uint32_t id, std::uint8_t on) {
  if (id == 3) enabled[static_cast<int>(Kind::driver)] = on != 0;
  return kSuccess;
}
Result cuptiActivityFlushAll(std::uint32_t) { return deliver(), kSuccess; }
Result cuptiActivityGetNumDroppedRecords(void*, std::uint32_t, std::size_t* count) { return *count = 0, kSuccess; }
Result cuptiGetGraphNodeId(void* node, std::uint64_t* id) {
  return *id = reinterpret_cast<std::uint64_t>(node), kSuccess;
}
Result cuptiActivityGetNextRecord(std::uint8_t* data, std::size_t valid, Record** record) {
  std::uint8_t* next =
      *record == nullptr ? data : reinterpret_cast<std::uint8_t*>(*record) + real_bytes((*record)->kind);
  if (next >= data + valid) return kMaxLimitReached;
  *record = reinterpret_cast<Record*>(next);
  return next + real_bytes((*record)->kind) > data + valid ? kInvalidKind : kSuccess;
}

// What fake_cuda.cpp tells the "GPU" to do.
void fakeCuptiLaunch(const char* name, int number, std::uint32_t thread) {
  const CallbackData data{kApiEnter, "cuLaunchKernel"};
  call_tool(Domain::driver, 2, &data);
  const std::uint32_t correlation = next_correlation++;
  api(Kind::runtime, 1, correlation, thread);
  kernel(name, correlation, 0, number);
}
void fakeCuptiGraph(std::uint32_t thread) {  // two nodes, one clone, a launch of both
  const std::uint64_t first = next_node.fetch_add(3);
  const auto node = [](std::uint64_t id) { return reinterpret_cast<void*>(id); };
  GraphData made{nullptr, nullptr, node(first), nullptr, 0};
  ResourceData data{nullptr, nullptr, &made};
  call_tool(Domain::resource, kGraphNodeCreated, &data);
  made.node = node(first + 2);
  made.original_node = node(first);
  call_tool(Domain::resource, kGraphNodeCloned, &data);
  const std::uint32_t correlation = next_correlation++;
  api(Kind::driver, 3, correlation, thread);
  kernel("captured_kernel", correlation, first + 2, 2);
}
void fakeCuptiMemory(std::uint32_t thread) {
  MemoryRecord memory{};
  memory.kind = Kind::memory2;
  memory.operation = kMemoryAllocation;
  memory.memory_kind = 3;
  memory.address = 0x7000;
  memory.bytes = 4096;
  memory.time = now();
  emit(memory);
  memory.operation = kMemoryRelease;
  memory.time = now();
  emit(memory);
  EventRecord event{};
  event.kind = Kind::cuda_event;
  event.correlation = next_correlation++;
  event.context = 1;
  event.stream = 7;
  event.event = 42;
  emit(event);
  SyncRecord sync{};
  sync.kind = Kind::synchronization;
  sync.type = 2;
  sync.start = now();
  sync.end = sync.start + 10;
  sync.correlation = next_correlation++;
  sync.context = 1;
  sync.stream = 8;
  sync.event = 42;
  emit(sync);
  OverheadRecord overhead{};
  overhead.kind = Kind::overhead;
  overhead.overhead_kind = 2 << 16;
  overhead.object_kind = kObjectThread;
  overhead.object_id[1] = thread;
  overhead.start = now();
  overhead.end = overhead.start + 700;
  emit(overhead);
}

}  // extern "C"
