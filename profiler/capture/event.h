// What one line of a recording says: the nouns between what CUPTI and NVTX hand over and the text of bigmac.trace/1.
//
//   CUPTI buffers ── decode ──┐
//                             ├──> Event ──> TraceLines ──> file
//   NVTX callbacks ── log ────┘
//
// Plain structs. Texts are views that live until the event has been encoded. Times are nanoseconds of the recorder's
// clock.
#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

namespace bigmac::capture {

using Time = std::int64_t;

struct KernelEvent {
  Time start, end;
  std::uint32_t device, context, stream;
  std::uint64_t correlation;
  std::string_view name;
  std::uint64_t graph_node;  ///< 0: not launched by a graph
  std::int32_t grid[3], block[3];
  std::uint32_t registers, shared_bytes;
};

struct CopyEvent {
  Time start, end;
  std::uint32_t device, context, stream;
  std::uint64_t correlation;
  std::string_view direction;  ///< "HtoD", ...
  std::uint64_t bytes, graph_node;
  std::int64_t from = -1, to = -1;  ///< devices, peer to peer
};

struct SetEvent {
  Time start, end;
  std::uint32_t device, context, stream;
  std::uint64_t correlation, bytes, graph_node;
};

struct CallEvent {
  Time start, end;
  std::uint32_t thread;
  std::uint64_t correlation;
  bool driver;             ///< of the driver's API, else the runtime's
  std::uint32_t callback;  ///< CUPTI's number of the function
  std::uint32_t result;
};

enum class SyncKind { event, stream_wait, stream, context };

struct SyncEvent {
  Time start, end;
  SyncKind kind;
  std::uint64_t correlation;
  std::uint32_t context, stream, event;  ///< stream, event: cupti::kNoStream where they do not apply
};

/// cudaEventRecord: not a line of its own, it tells which stream a later wait is for.
struct EventRecorded {
  std::uint32_t stream, event;
  std::uint64_t correlation;
};

struct MemoryEvent {
  Time time;
  std::int64_t device;  ///< -1: host
  std::uint64_t address;
  std::int64_t bytes;  ///< < 0: released
  std::uint64_t correlation;
  std::string_view kind;
  std::uint64_t pool;  ///< 0: none
};

struct PoolEvent {
  Time time;
  std::uint32_t device;
  std::string_view operation;
  std::uint64_t address, size, used;
};

struct OverheadEvent {
  Time start, end;
  std::string_view kind;
  std::int64_t thread;  ///< -1: no thread
};

struct DeviceEvent {
  std::uint32_t device;
  std::string_view name;
  std::uint32_t multiprocessors;
  std::uint64_t memory_bytes;
  std::uint32_t major, minor, l2_bytes;
};

struct ContextEvent {
  std::uint32_t context, device;
};

struct StreamEvent {
  std::uint32_t stream, context, priority;
};

/// A number that NVTX attaches to a range.
struct Payload {
  enum class Type : std::uint8_t { none, integer, natural, real } type = Type::none;
  union {
    std::int64_t integer;
    std::uint64_t natural = 0;
    double real;
  };
};

struct RangeEvent {
  Time start, end;
  std::uint32_t thread;
  std::string_view name, domain;
  std::uint32_t depth;
  Payload payload;
};

struct ProcessRangeEvent {
  Time start, end;
  std::uint32_t thread;
  std::string_view name, domain;
  std::uint32_t end_thread;
  Payload payload;
};

struct OpenEvent {
  Time start, now;
  std::uint32_t thread;
  std::string_view name, domain;
};

struct MarkEvent {
  Time time;
  std::uint32_t thread;
  std::string_view name, domain;
  Payload payload;
};

struct ThreadEvent {
  std::uint32_t thread;
  std::string_view name;
};

struct NodeEvent {
  std::uint64_t node;
  Time time;
  std::uint32_t thread;
  std::uint64_t original;  ///< 0: not a clone
};

struct StepEvent {
  std::int64_t number;
  Time time;
};

using Event = std::variant<KernelEvent, CopyEvent, SetEvent, CallEvent, SyncEvent, EventRecorded, MemoryEvent,
                           PoolEvent, OverheadEvent, DeviceEvent, ContextEvent, StreamEvent, RangeEvent,
                           ProcessRangeEvent, OpenEvent, MarkEvent, ThreadEvent, NodeEvent, StepEvent>;

}  // namespace bigmac::capture
