// A recorded run: what every thread and every GPU stream of one or more processes did, by column.
//
// First noun of the profiler's flow:
//
//   CUPTI capture ─┐
//   Kineto, nsys  ─┼─> Trace ──> attribution ──> cost table (bigmac.costs/1)
//   bigmac.trace/1 ┘        └──> replay
//
// After Perfetto's trace processor: columns, 32-bit typed ids, interned names, int64 nanoseconds. Events of a lane nest
// or follow one another; a lane is a CPU thread or a GPU stream of one process. Details that few events have lie in
// side tables, sorted by event.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "bigmac/base/ids.h"
#include "bigmac/base/units.h"

namespace bigmac {

using NameId = Id<struct NameTag>;
using ProcessId = Id<struct ProcessTag>;
using LaneId = Id<struct LaneTag>;    ///< a CPU thread or a GPU stream
using EventId = Id<struct EventTag>;  ///< a row of Events

/// Texts held once.
class Names {
 public:
  Names() { intern(""); }
  Names(Names&&) = default;
  Names& operator=(Names&&) = default;
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  NameId intern(std::string_view text);  ///< NameId{0} is the empty name
  std::string_view operator[](NameId id) const { return texts_[id.value]; }
  std::size_t size() const { return texts_.size(); }
  std::size_t bytes() const { return bytes_; }  ///< of all texts; readers refuse more than kMaxNameBytes

 private:
  std::deque<std::string> texts_;  ///< a deque: the keys below point into it
  std::unordered_map<std::string_view, NameId> ids_;
  std::size_t bytes_ = 0;
};

inline constexpr std::size_t kMaxNameBytes = std::size_t{1} << 30;

struct Process {
  std::int64_t pid = 0;
  std::string host, name;
  std::optional<std::int64_t> rank, world_size;
};

enum class LaneKind : std::uint8_t { thread, stream };

struct Lane {
  ProcessId process;
  LaneKind kind = LaneKind::thread;
  std::int64_t device = 0;  ///< of a stream
  std::int64_t number = 0;  ///< thread id or stream number
  std::string name;
};

enum class EventKind : std::uint8_t {
  kernel,           ///< on a stream
  copy,             ///< on a stream
  set,              ///< on a stream
  call,             ///< an API call of a thread: launch, copy, allocation, synchronisation
  operation,        ///< a framework's operator (Kineto cpu_op)
  range,            ///< an NVTX range or user annotation of a thread
  process_range,    ///< an NVTX start/end range: of the process, on the lane of the thread that began it
  gpu_range,        ///< a user annotation as Kineto projects it on a stream
  python_function,  ///< a Python frame
};
inline constexpr std::size_t kEventKinds = 9;
const char* name_of(EventKind kind);
constexpr bool on_gpu(EventKind kind) { return kind <= EventKind::set; }  ///< work of a GPU; not gpu_range

struct Event {
  EventKind kind = EventKind::kernel;
  LaneId lane;
  NameId name;
  Nanoseconds start, duration;    ///< duration >= 0
  std::uint64_t correlation = 0;  ///< joins a GPU operation to the call that launched it, within a process; 0: none

  Nanoseconds end() const { return start + duration; }
};

/// In the order they were read; sort_events() puts them by start.
struct Events {
  std::vector<EventKind> kind;
  std::vector<LaneId> lane;
  std::vector<NameId> name;
  std::vector<Nanoseconds> start, duration;
  std::vector<std::uint64_t> correlation;

  EventId add(const Event& event);
  Event operator[](EventId id) const;
  std::size_t size() const { return kind.size(); }
};

/// An operator's place in the forward and backward passes.
struct OperatorDetail {
  EventId event;
  std::int64_t sequence = -1;       ///< of autograd; a backward operator carries its forward's
  std::int64_t forward_thread = 0;  ///< autograd's own number of the thread of the forward; 0: this is a forward
};

struct CopyDetail {
  EventId event;
  Bytes bytes;
};

enum class SyncKind : std::uint8_t { event, stream_wait, stream, context };

/// What a synchronisation waits for. `call` is its correlation; `record` that of the cudaEventRecord waited for.
struct SyncDetail {
  SyncKind kind = SyncKind::context;
  ProcessId process;
  std::optional<std::int64_t> device, stream;  ///< that waits (stream_wait) or is waited for (stream)
  std::optional<std::int64_t> record_stream;   ///< where the event waited for was recorded
  std::optional<std::uint64_t> record;
  std::uint64_t call = 0;
};

struct CollectiveDetail {
  EventId event;
  NameId collective, group;  ///< "all_reduce"; the ranks or the name of the process group
  std::int64_t sequence = -1;
  std::int64_t group_size = 0;
  Bytes bytes;  ///< of the message, on one rank; 0: unknown
};

/// One allocation (bytes > 0) or release (bytes < 0) of a memory pool or of PyTorch's caching allocator.
struct MemoryEvent {
  Nanoseconds time;
  std::int64_t order = 0;  ///< among events of one time, as the writer numbered them
  ProcessId process;
  std::int64_t device = -1;  ///< -1: host memory
  std::uint64_t address = 0;
  Bytes bytes;
  std::optional<Bytes> allocated, reserved;  ///< totals after it, as the writer saw them
};

struct Trace {
  std::vector<std::string> sources;  ///< files it was read from
  std::vector<std::string> notes;    ///< what a reader left out or assumed
  Names names;
  IdVector<ProcessId, Process> processes;
  IdVector<LaneId, Lane> lanes;
  Events events;
  std::vector<std::string> devices;  ///< names of GPUs, where known
  // Side tables, by event id.
  std::vector<OperatorDetail> operators;
  std::vector<CopyDetail> copies;
  std::vector<CollectiveDetail> collectives;
  std::vector<SyncDetail> syncs;
  std::vector<MemoryEvent> memory;
  std::uint64_t records = 0;  ///< read, kept or not
  std::uint64_t dropped = 0;  ///< by the writer: broken or lost records
};

inline constexpr std::size_t kMaxLanes = std::size_t{1} << 20;  ///< no run has a million threads and streams

/// Finds or makes lanes; nothing beyond kMaxLanes.
class LaneIndex {
 public:
  std::optional<LaneId> find(Trace& trace, ProcessId process, LaneKind kind, std::int64_t device, std::int64_t number);

 private:
  struct Key {
    std::uint32_t process;
    LaneKind kind;
    std::int64_t device, number;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const;
  };
  std::unordered_map<Key, LaneId, Hash> ids_;
  Key last_{};
  std::optional<LaneId> last_id_;
};

/// Puts events by (start, longer first, order read) and renumbers the side tables; memory events by (time, order).
void sort_events(Trace& trace);

/// Appends `other` with its processes and lanes; `shift` is added to its times. Side tables come along.
void append(Trace& trace, Trace&& other, Nanoseconds shift = {});

}  // namespace bigmac
