#include "decode.h"

#include <array>

namespace bigmac::capture {
namespace {

using namespace cupti;

std::string_view text(const char* name) { return name == nullptr ? std::string_view() : std::string_view(name); }

/// Index into names, or `other`.
template <std::size_t N>
std::string_view name_at(const std::array<std::string_view, N>& names, std::int64_t index, std::string_view other) {
  return index >= 0 && index < static_cast<std::int64_t>(N) ? names[static_cast<std::size_t>(index)] : other;
}

// CUpti_ActivityMemcpyKind, CUpti_ActivityMemoryKind, CUpti_ActivityMemoryPoolOperationType,
// CUpti_ActivityOverheadKind.
constexpr std::array<std::string_view, 11> kDirections = {"unknown", "HtoD", "DtoH", "HtoA", "AtoH", "AtoA",
                                                          "AtoD",    "DtoA", "DtoD", "HtoH", "PtoP"};
constexpr std::array<std::string_view, 8> kMemoryKinds = {"unknown", "pageable", "pinned",        "device",
                                                          "array",   "managed",  "device_static", "managed_static"};
constexpr std::array<std::string_view, 4> kPoolOperations = {"invalid", "created", "destroyed", "trimmed"};
constexpr std::array<std::string_view, 9> kOverheads = {"unknown",        "buffer_flush",   "instrumentation",
                                                        "resource",       "module_loading", "function_loading",
                                                        "command_buffer", "buffer_request", "managed_memory"};

struct Span {
  Time start, end;
};

/// Both times, or why they are none.
std::variant<Span, Fault> span_of(std::uint64_t start, std::uint64_t end, Time base) {
  if (start == 0) return Fault::no_time;
  if (end < start) return Fault::backwards;
  return Span{static_cast<Time>(start) - base, static_cast<Time>(end) - base};
}

template <class Rec, class Make>
Decoded timed(const Rec& record, Time base, Make&& make) {
  const auto span = span_of(record.start, record.end, base);
  if (const Fault* fault = std::get_if<Fault>(&span)) return *fault;
  return Event(make(std::get<Span>(span)));
}

Decoded decode(const KernelRecord& r, Time base) {
  return timed(r, base, [&](Span s) {
    KernelEvent e{s.start,      s.end,        r.device,
                  r.context,    r.stream,     r.correlation,
                  text(r.name), r.graph_node, {},
                  {},           r.registers,  static_cast<std::uint32_t>(r.static_shared + r.dynamic_shared)};
    for (int i = 0; i < 3; ++i) e.grid[i] = r.grid[i], e.block[i] = r.block[i];
    return e;
  });
}

Decoded decode(const CopyRecord& r, Time base) {
  return timed(r, base, [&](Span s) {
    return CopyEvent{s.start,
                     s.end,
                     r.device,
                     r.context,
                     r.stream,
                     r.correlation,
                     name_at(kDirections, r.copy_kind, "unknown"),
                     r.bytes,
                     r.graph_node};
  });
}

Decoded decode(const PeerCopyRecord& r, Time base) {
  return timed(r, base, [&](Span s) {
    return CopyEvent{
        s.start, s.end,        r.device,        r.context,      r.stream, r.correlation, kDirections[kPeerToPeer],
        r.bytes, r.graph_node, r.source_device, r.target_device};
  });
}

Decoded decode(const SetRecord& r, Time base) {
  return timed(r, base, [&](Span s) {
    return SetEvent{s.start, s.end, r.device, r.context, r.stream, r.correlation, r.bytes, r.graph_node};
  });
}

Decoded decode(const ApiRecord& r, Time base) {
  return timed(r, base, [&](Span s) {
    return CallEvent{s.start, s.end, r.thread, r.correlation, r.kind == Kind::driver, r.callback, r.result};
  });
}

Decoded decode(const SyncRecord& r, Time base) {
  constexpr std::array<SyncKind, 4> kinds = {SyncKind::event, SyncKind::stream_wait, SyncKind::stream,
                                             SyncKind::context};
  if (r.type < 1 || r.type > 4) return Fault::bad_value;
  return timed(r, base, [&](Span s) {
    return SyncEvent{s.start,  s.end,  kinds[static_cast<std::size_t>(r.type) - 1], r.correlation, r.context,
                     r.stream, r.event};
  });
}

Decoded decode(const EventRecord& r, Time) { return Event(EventRecorded{r.stream, r.event, r.correlation}); }

/// Host allocations carry a context's device too: only these kinds lie on the GPU.
bool on_device(std::int32_t memory_kind) { return memory_kind >= 3 && memory_kind <= 7; }

Decoded decode(const MemoryRecord& r, Time base) {
  if (r.operation != kMemoryAllocation && r.operation != kMemoryRelease) return Fault::bad_value;
  if (r.bytes > static_cast<std::uint64_t>(INT64_MAX)) return Fault::bad_value;
  if (r.time == 0) return Fault::no_time;
  const auto bytes = static_cast<std::int64_t>(r.bytes);
  return Event(MemoryEvent{static_cast<Time>(r.time) - base, on_device(r.memory_kind) ? std::int64_t{r.device} : -1,
                           r.address, r.operation == kMemoryRelease ? -bytes : bytes, r.correlation,
                           name_at(kMemoryKinds, r.memory_kind, "unknown"), r.pool_address});
}

Decoded decode(const PoolRecord& r, Time base) {
  if (r.time == 0) return Fault::no_time;
  return Event(PoolEvent{static_cast<Time>(r.time) - base, r.device, name_at(kPoolOperations, r.operation, "unknown"),
                         r.address, r.size, r.used});
}

Decoded decode(const OverheadRecord& r, Time base) {
  // Kind 1 is the driver's compiler; CUPTI's own are multiples of 2^16.
  const std::string_view kind =
      r.overhead_kind == 1 ? "compiler" : name_at(kOverheads, r.overhead_kind >> 16, "unknown");
  const std::int64_t thread = r.object_kind == kObjectThread ? std::int64_t{r.object_id[1]} : -1;
  return timed(r, base, [&](Span s) { return OverheadEvent{s.start, s.end, kind, thread}; });
}

Decoded decode(const DeviceRecord& r, Time) {
  return Event(DeviceEvent{r.id, text(r.name), r.multiprocessors, r.memory_bytes, r.major, r.minor, r.l2_bytes});
}

Decoded decode(const ContextRecord& r, Time) { return Event(ContextEvent{r.context, r.device}); }
Decoded decode(const StreamRecord& r, Time) { return Event(StreamEvent{r.stream, r.context, r.priority}); }

/// The one place that says which record a kind has: calls `visit` with a null pointer of its type.
template <class Visit, class Else>
auto with_type(Kind kind, Visit&& visit, Else&& otherwise) {
  switch (kind) {
    case Kind::kernel:
    case Kind::concurrent_kernel: return visit(static_cast<const KernelRecord*>(nullptr));
    case Kind::memcpy: return visit(static_cast<const CopyRecord*>(nullptr));
    case Kind::memcpy2: return visit(static_cast<const PeerCopyRecord*>(nullptr));
    case Kind::memset: return visit(static_cast<const SetRecord*>(nullptr));
    case Kind::driver:
    case Kind::runtime: return visit(static_cast<const ApiRecord*>(nullptr));
    case Kind::synchronization: return visit(static_cast<const SyncRecord*>(nullptr));
    case Kind::cuda_event: return visit(static_cast<const EventRecord*>(nullptr));
    case Kind::memory2: return visit(static_cast<const MemoryRecord*>(nullptr));
    case Kind::memory_pool: return visit(static_cast<const PoolRecord*>(nullptr));
    case Kind::overhead: return visit(static_cast<const OverheadRecord*>(nullptr));
    case Kind::device: return visit(static_cast<const DeviceRecord*>(nullptr));
    case Kind::context: return visit(static_cast<const ContextRecord*>(nullptr));
    case Kind::stream: return visit(static_cast<const StreamRecord*>(nullptr));
  }
  return otherwise();
}

void count(DecodeCounts& counts, Fault fault) {
  if (fault == Fault::unknown_kind) ++counts.unknown_kind;
  if (fault == Fault::no_time) ++counts.no_time;
  if (fault == Fault::backwards) ++counts.backwards;
  if (fault == Fault::bad_value) ++counts.bad_value;
}

}  // namespace

std::size_t record_bytes(Kind kind) {
  return with_type(
      kind, [](auto* type) { return sizeof(*type); }, [] { return std::size_t{0}; });
}

Decoded decode_record(const Record& record, Time base) {
  return with_type(
      record.kind, [&](auto* type) { return decode(reinterpret_cast<decltype(*type)>(record), base); },
      [] { return Decoded(Fault::unknown_kind); });
}

DecodeCounts& DecodeCounts::operator+=(const DecodeCounts& other) {
  records += other.records;
  unknown_kind += other.unknown_kind;
  no_time += other.no_time;
  backwards += other.backwards;
  bad_value += other.bad_value;
  cut += other.cut;
  return *this;
}

DecodeCounts decode_buffer(std::uint8_t* buffer, std::size_t valid, NextRecord next, Time base,
                           const std::function<void(const Event&)>& sink) {
  DecodeCounts counts;
  Record* record = nullptr;
  const std::uint8_t* last = nullptr;
  while (true) {
    const Result result = next(buffer, valid, &record);
    if (result != kSuccess) {
      counts.cut += result != kMaxLimitReached;
      return counts;
    }
    // A record that begins before the last one ended its kind, or ends beyond the buffer, would be read from foreign
    // memory.
    const auto* at = reinterpret_cast<const std::uint8_t*>(record);
    const bool inside = at >= buffer && at + sizeof(Record) <= buffer + valid && (last == nullptr || at > last);
    if (!inside || at + record_bytes(record->kind) > buffer + valid) {
      ++counts.cut;
      return counts;
    }
    last = at;
    ++counts.records;
    const Decoded decoded = decode_record(*record, base);
    if (const Fault* fault = std::get_if<Fault>(&decoded)) count(counts, *fault);
    else sink(std::get<Event>(decoded));
  }
}

}  // namespace bigmac::capture
