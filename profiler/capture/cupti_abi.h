// The part of CUPTI's binary interface that the recorder uses, declared by ourselves, so that it builds where no CUDA
// is.
//
// Facts (layouts and numbers, no text) of cupti_activity.h, cupti_activity_deprecated.h, cupti_callbacks.h and
// cupti_result.h of CUDA 13.0, CUPTI API 130001. tests/abi/cupti_abi_check.cpp holds every one of them against the real
// headers where these are installed. A record is declared up to the last field that is read. CUPTI appends fields and
// never moves them: what stands here is a common beginning of every version of the record since the one named beside
// it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bigmac::cupti {

using Result = std::int32_t;
inline constexpr Result kSuccess = 0, kMultipleSubscribers = 39, kMaxLimitReached = 12, kInvalidKind = 21,
                        kUnknownError = 999;

enum class Kind : std::int32_t {
  memcpy = 1,
  memset = 2,
  kernel = 3,
  driver = 4,
  runtime = 5,
  device = 8,
  context = 9,
  concurrent_kernel = 10,
  overhead = 17,
  memcpy2 = 22,
  cuda_event = 36,
  stream = 37,
  synchronization = 38,
  memory2 = 49,
  memory_pool = 50,
};

inline constexpr std::uint32_t kFlushForced = 1, kThreadIdSystem = 1;

enum class Domain : std::int32_t { driver = 1, runtime = 2, resource = 3 };
inline constexpr std::uint32_t kGraphNodeCreated = 13, kGraphNodeCloned = 20;  // of Domain::resource
inline constexpr std::int32_t kApiEnter = 0;

// Records are packed and start at multiples of 8.
#define BIGMAC_RECORD struct __attribute__((packed, aligned(8)))

BIGMAC_RECORD Record { Kind kind; };

BIGMAC_RECORD KernelRecord {  // Kernel5 (CUDA 11.0) .. Kernel10
  Kind kind;
  std::uint8_t cache_config, shared_memory_config;
  std::uint16_t registers;
  std::int32_t cache_requested, cache_executed;
  std::uint64_t start, end, completed;
  std::uint32_t device, context, stream;
  std::int32_t grid[3], block[3];
  std::int32_t static_shared, dynamic_shared;
  std::uint32_t local_per_thread, local_total, correlation;
  std::int64_t grid_id;
  const char* name;
  void* reserved;
  std::uint64_t queued, submitted;
  std::uint8_t launch_type, carveout_requested, carveout, padding;
  std::uint32_t shared_executed;
  std::uint64_t graph_node;
};

BIGMAC_RECORD CopyRecord {  // Memcpy3 (CUDA 11.0) .. Memcpy6
  Kind kind;
  std::uint8_t copy_kind, source_kind, target_kind, flags;
  std::uint64_t bytes, start, end;
  std::uint32_t device, context, stream, correlation, runtime_correlation, padding;
  void* reserved;
  std::uint64_t graph_node;
};

BIGMAC_RECORD PeerCopyRecord {  // MemcpyPtoP2 (CUDA 11.0) .. MemcpyPtoP4
  Kind kind;
  std::uint8_t copy_kind, source_kind, target_kind, flags;
  std::uint64_t bytes, start, end;
  std::uint32_t device, context, stream, source_device, source_context, target_device, target_context, correlation;
  void* reserved;
  std::uint64_t graph_node;
};

BIGMAC_RECORD SetRecord {  // Memset2 (CUDA 11.0) .. Memset4
  Kind kind;
  std::uint32_t value;
  std::uint64_t bytes, start, end;
  std::uint32_t device, context, stream, correlation;
  std::uint16_t flags, memory_kind;
  std::uint32_t padding;
  void* reserved;
  std::uint64_t graph_node;
};

BIGMAC_RECORD ApiRecord {  // API
  Kind kind;
  std::uint32_t callback;
  std::uint64_t start, end;
  std::uint32_t process, thread, correlation, result;
};

BIGMAC_RECORD MemoryRecord {  // Memory2 (CUDA 11.2) .. Memory4
  Kind kind;
  std::int32_t operation, memory_kind;
  std::uint32_t correlation;
  std::uint64_t address, bytes, time, program_counter;
  std::uint32_t process, device, context, stream;
  const char* name;
  std::uint32_t is_async, padding1;
  std::int32_t pool_type;
  std::uint32_t padding2;
  std::uint64_t pool_address;
};

BIGMAC_RECORD PoolRecord {  // MemoryPool2 (CUDA 11.2) .. MemoryPool3
  Kind kind;
  std::int32_t operation, pool_type;
  std::uint32_t correlation, process, device;
  std::size_t least_kept;
  std::uint64_t address, size, release_threshold, time, used;
};

BIGMAC_RECORD OverheadRecord {  // Overhead .. Overhead3
  Kind kind;
  std::int32_t overhead_kind, object_kind;
  std::uint32_t object_id[3];  ///< process, thread; or device, context, stream
  std::uint64_t start, end;
};

BIGMAC_RECORD DeviceRecord {  // Device2 .. Device5
  Kind kind;
  std::int32_t flags;
  std::uint64_t memory_bandwidth, memory_bytes;
  std::uint32_t constant_memory, l2_bytes, warp, core_clock, copy_engines, multiprocessors, limits[14];
  std::uint32_t major, minor, id, ecc;
  unsigned char uuid[16];
  const char* name;
};

BIGMAC_RECORD ContextRecord {  // Context .. Context3
  Kind kind;
  std::uint32_t context, device;
};

BIGMAC_RECORD StreamRecord {  // Stream
  Kind kind;
  std::uint32_t context, stream, priority;
};

BIGMAC_RECORD SyncRecord {  // Synchronization .. Synchronization2
  Kind kind;
  std::int32_t type;
  std::uint64_t start, end;
  std::uint32_t correlation, context, stream, event;
};

BIGMAC_RECORD EventRecord {  // CudaEvent .. CudaEvent2
  Kind kind;
  std::uint32_t correlation, context, stream, event;
};

#undef BIGMAC_RECORD

inline constexpr std::int32_t kObjectThread = 2, kMemoryAllocation = 1, kMemoryRelease = 2;
inline constexpr std::uint8_t kPeerToPeer = 10;
inline constexpr std::uint32_t kNoStream = 0xffffffffU;  // CUPTI_SYNCHRONIZATION_INVALID_VALUE

/// What a callback of Domain::driver or runtime is given, as far as it is read.
struct CallbackData {
  std::int32_t site;
  const char* function;
};
/// What a callback of Domain::resource is given; for graphs `descriptor` is GraphData.
struct ResourceData {
  void* context;
  void* handle;
  void* descriptor;
};
struct GraphData {
  void *graph, *original_graph, *node, *original_node;
  std::int32_t node_type;
};

struct SubscriberParams {
  std::size_t struct_size;
  const char* name;
  char* old_name;
  std::size_t old_name_size;
};

using CallbackFunction = void (*)(void* user, Domain domain, std::uint32_t id, const void* data);
using BufferRequested = void (*)(std::uint8_t** buffer, std::size_t* size, std::size_t* max_records);
using BufferCompleted = void (*)(void* context, std::uint32_t stream, std::uint8_t* buffer, std::size_t size,
                                 std::size_t valid);

}  // namespace bigmac::cupti
