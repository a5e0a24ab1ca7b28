#include "bigmac/profiler/kineto.h"

#include <map>

#include "../trace/json_tokens.h"
#include "bigmac/base/error.h"
#include "event_stream.h"
#include "kineto_fields.h"
#include "kineto_members.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMaxTime = std::int64_t{1} << 61;  // ns: 73 years

enum class Category : std::uint8_t { gpu, call, operation, annotation, sync, ignored, unknown };

struct CategoryRow {
  std::string_view token;
  Category category;
  EventKind kind;
};

// The last four are what PyTorch wrote before 1.13.
constexpr CategoryRow kCategories[] = {
    {"\"cpu_op\"", Category::operation, EventKind::operation},
    {"\"cuda_runtime\"", Category::call, EventKind::call},
    {"\"cuda_driver\"", Category::call, EventKind::call},
    {"\"kernel\"", Category::gpu, EventKind::kernel},
    {"\"gpu_memcpy\"", Category::gpu, EventKind::copy},
    {"\"gpu_memset\"", Category::gpu, EventKind::set},
    {"\"user_annotation\"", Category::annotation, EventKind::range},
    {"\"gpu_user_annotation\"", Category::annotation, EventKind::gpu_range},
    {"\"python_function\"", Category::annotation, EventKind::python_function},
    {"\"cuda_sync\"", Category::sync, EventKind::call},
    {"\"Trace\"", Category::ignored, EventKind::call},
    {"\"overhead\"", Category::ignored, EventKind::call},
    {"\"Operator\"", Category::operation, EventKind::operation},
    {"\"Runtime\"", Category::call, EventKind::call},
    {"\"Kernel\"", Category::gpu, EventKind::kernel},
    {"\"Memcpy\"", Category::gpu, EventKind::copy},
    {"\"Memset\"", Category::gpu, EventKind::set},
};

CategoryRow category_of(std::string_view token) {
  for (const CategoryRow& row : kCategories)
    if (row.token == token) return row;
  return {token, Category::unknown, EventKind::call};
}

struct PendingName {
  LaneKind kind;
  std::int64_t device, number;
  std::string text;
};

class KinetoReader final : public EventSink {
 public:
  explicit KinetoReader(ByteSource& source) : source_(source), fields_(source.file()) {
    trace_.sources.push_back(source.file());
    trace_.processes.items.emplace_back();
  }

  Trace run() {
    stream_events(source_, *this);
    for (const PendingName& name : pending_) set_name(name);
    for (const auto& [category, count] : unknown_)
      trace_.notes.push_back(source_.file() + ": " + std::to_string(count) + " events of unknown category " + category +
                             " left out");
    process().rank = members_.rank;
    process().world_size = members_.world_size;
    trace_.devices = members_.devices;
    for (Nanoseconds& start : trace_.events.start) start += members_.base;
    for (MemoryEvent& event : trace_.memory) event.time += members_.base;
    sort_events(trace_);
    return std::move(trace_);
  }

  void events(const EventWindow& window) override {
    fields_.read(window, [this](const KinetoFields& fields) { take(fields); });
    if (trace_.names.bytes() > kMaxNameBytes) fail(window.offset, "the names take more than 1 GiB");
  }

  void member(std::string_view key, const std::string& text, std::uint64_t offset) override {
    read_kineto_member(key, text, at_byte(source_.file(), offset), members_);
  }

 private:
  [[noreturn]] void fail(std::uint64_t offset, const std::string& what) const {
    bad_input(at_byte(source_.file(), offset), what);
  }
  Process& process() { return trace_.processes[ProcessId{0}]; }

  void take(const KinetoFields& f) {
    ++trace_.records;
    const std::string_view ph = trimmed(f.ph);
    if (ph == "\"X\"") complete(f);
    else if (ph == "\"M\"") metadata(f);
    else if (trimmed(f.name) == "\"[memory]\"") memory(f);
    else if (ph.size() != 3 || ph.front() != '"') fail(f.offset, "expected a member 'ph', one letter");
  }

  void complete(const KinetoFields& f) {
    const CategoryRow row = category_of(trimmed(f.cat));
    switch (row.category) {
      case Category::gpu: return gpu(f, row.kind);
      case Category::sync: return sync(f);
      case Category::ignored: return;
      case Category::unknown:
        if (unknown_.size() < 32) ++unknown_[std::string(row.token.substr(0, 80))];
        return;
      default: return on_thread(f, row);
    }
  }

  Event timed(const KinetoFields& f, EventKind kind) {
    const auto start = microseconds_token(f.ts), duration = microseconds_token(f.dur);
    if (!start || start->value > kMaxTime || start->value < -kMaxTime)
      fail(f.offset, "ts: expected a number of microseconds");
    if (!duration || duration->value < 0 || duration->value > kMaxTime)
      fail(f.offset, "dur: expected a number of microseconds from 0");
    return {kind, {}, name(f), *start, *duration};
  }

  NameId name(const KinetoFields& f) {
    if (const auto plain = plain_string_token(f.name)) return trace_.names.intern(*plain);
    return trace_.names.intern(unescaped(f.name, at_byte(source_.file(), f.offset) + ": name"));
  }

  LaneId lane(const KinetoFields& f, LaneKind kind, std::int64_t device, std::int64_t number) {
    const auto found = lanes_.find(trace_, ProcessId{0}, kind, device, number);
    if (!found) fail(f.offset, "more than 1,048,576 threads and streams; expected those of a real run");
    return *found;
  }

  /// A thread that goes by a name has a number of its own, below all others.
  LaneId thread(const KinetoFields& f) {
    if (const auto number = loose_integer_token(f.tid)) return lane(f, LaneKind::thread, 0, *number);
    const std::string text = unescaped(f.tid, at_byte(source_.file(), f.offset) + ": tid");
    const LaneId found = lane(f, LaneKind::thread, 0, INT64_MIN + trace_.names.intern(text).value);
    trace_.lanes[found].name = text;
    return found;
  }

  std::int64_t integer(const KinetoFields& f, std::string_view token, const char* what, std::int64_t low) const {
    const auto value = loose_integer_token(token);
    if (!value || *value < low) fail(f.offset, std::string(what) + ": expected an integer from " + std::to_string(low));
    return *value;
  }

  std::uint64_t correlation(const KinetoFields& f) const {
    return f.correlation.empty() ? 0 : static_cast<std::uint64_t>(integer(f, f.correlation, "correlation", 0));
  }

  Bytes size(const KinetoFields& f, std::string_view token, std::int64_t low) const {
    const std::int64_t bytes = integer(f, token, "bytes", low);
    if (bytes > kMaxBytes.value) fail(f.offset, "bytes: more than a petabyte");
    return Bytes{bytes};
  }

  void gpu(const KinetoFields& f, EventKind kind) {
    Event event = timed(f, kind);
    event.lane = lane(f, LaneKind::stream, integer(f, f.device.empty() ? f.pid : f.device, "device", -1),
                      integer(f, f.stream.empty() ? f.tid : f.stream, "stream", -1));
    event.correlation = correlation(f);
    const EventId id = trace_.events.add(event);
    if (!f.bytes.empty()) trace_.copies.push_back({id, size(f, f.bytes, 0)});
    if (!f.collective.empty()) collective(f, id);
  }

  void collective(const KinetoFields& f, EventId id) {
    const std::string where = at_byte(source_.file(), f.offset);
    CollectiveDetail detail;
    detail.event = id;
    detail.collective = trace_.names.intern(unescaped(f.collective, where + ": Collective name"));
    if (!f.group.empty()) detail.group = trace_.names.intern(unescaped(f.group, where + ": Process Group Name"));
    if (!f.collective_sequence.empty()) detail.sequence = integer(f, f.collective_sequence, "Seq", -1);
    if (!f.group_size.empty()) detail.group_size = integer(f, f.group_size, "Group size", 0);
    if (!f.elements.empty() && !f.dtype.empty())
      detail.bytes = message_bytes(integer(f, f.elements, "In msg nelems", 0), unescaped(f.dtype, where + ": dtype"));
    trace_.collectives.push_back(detail);
  }

  void on_thread(const KinetoFields& f, const CategoryRow& row) {
    Event event = timed(f, row.kind);
    if (row.kind == EventKind::gpu_range) event.lane = annotated_stream(f);
    else event.lane = thread(f);
    if (row.category == Category::call) event.correlation = correlation(f);
    const EventId id = trace_.events.add(event);
    if (row.category == Category::call) note_process(f);
    if (row.category != Category::operation || f.sequence.empty()) return;
    OperatorDetail detail{id, integer(f, f.sequence, "Sequence number", -1), 0};
    if (!f.forward_thread.empty()) detail.forward_thread = integer(f, f.forward_thread, "Fwd thread id", 0);
    trace_.operators.push_back(detail);
  }

  /// Annotations on a stream share its number but overlap its work: they have a lane of their own, device -2 - d.
  LaneId annotated_stream(const KinetoFields& f) {
    return lane(f, LaneKind::stream, -2 - integer(f, f.pid, "pid", 0), integer(f, f.tid, "tid", -1));
  }

  void note_process(const KinetoFields& f) {
    if (process().pid == 0) process().pid = loose_integer_token(f.pid).value_or(0);
  }

  void sync(const KinetoFields& f) {
    constexpr std::string_view kKinds[] = {"\"Event Sync\"", "\"Stream Wait Event\"", "\"Stream Sync\"",
                                           "\"Context Sync\""};
    SyncDetail detail;
    std::size_t kind = 0;
    while (kind < 4 && kKinds[kind] != trimmed(f.sync_kind)) ++kind;
    if (kind == 4) return;  // a kind that a newer writer knows
    detail.kind = static_cast<SyncKind>(kind);
    const auto known = [&](std::string_view token) -> std::optional<std::int64_t> {
      if (token.empty()) return std::nullopt;
      const std::int64_t value = integer(f, token, "cuda_sync", INT64_MIN);
      return value < 0 ? std::nullopt : std::optional(value);
    };
    detail.device = known(f.device);
    detail.stream = known(f.stream);
    detail.record_stream = known(f.wait_stream);
    if (const auto record = known(f.wait_record)) detail.record = static_cast<std::uint64_t>(*record);
    detail.call = correlation(f);
    trace_.syncs.push_back(detail);
  }

  void memory(const KinetoFields& f) {
    MemoryEvent event;
    const auto time = microseconds_token(f.ts);
    if (!time || time->value > kMaxTime || time->value < -kMaxTime)
      fail(f.offset, "ts: expected a number of microseconds");
    event.time = *time;
    event.order = f.order.empty() ? 0 : integer(f, f.order, "Ev Idx", 0);
    const bool host = !f.device_type.empty() && integer(f, f.device_type, "Device Type", 0) == 0;
    event.device = host ? -1 : integer(f, f.device_id, "Device Id", -1);
    if (!f.address.empty()) event.address = static_cast<std::uint64_t>(integer(f, f.address, "Addr", INT64_MIN));
    event.bytes = size(f, f.memory_bytes, -kMaxBytes.value);
    if (!f.allocated.empty()) event.allocated = size(f, f.allocated, -kMaxBytes.value);
    if (!f.reserved.empty()) event.reserved = size(f, f.reserved, -kMaxBytes.value);
    trace_.memory.push_back(event);
  }

  void metadata(const KinetoFields& f) {
    const bool thread_name = trimmed(f.name) == "\"thread_name\"";
    if ((!thread_name && trimmed(f.name) != "\"process_name\"") || f.label.empty()) return;
    const std::string text = unescaped(f.label, at_byte(source_.file(), f.offset) + ": name");
    const auto pid = loose_integer_token(f.pid), tid = loose_integer_token(f.tid);
    if (!pid || !tid) return;
    if (!thread_name && process().name.empty()) process().name = text;
    if (!thread_name || pending_.size() >= kMaxLanes) return;
    const bool stream = text.starts_with("stream");
    pending_.push_back({stream ? LaneKind::stream : LaneKind::thread, stream ? *pid : 0, *tid, text});
  }

  void set_name(const PendingName& name) {
    const std::size_t lanes = trace_.lanes.size();
    const auto found = lanes_.find(trace_, ProcessId{0}, name.kind, name.device, name.number);
    if (found && trace_.lanes.size() == lanes) trace_.lanes[*found].name = name.text;
    else if (found) trace_.lanes.items.pop_back();
  }

  ByteSource& source_;
  KinetoFieldReader fields_;
  KinetoMembers members_;
  LaneIndex lanes_;
  std::vector<PendingName> pending_;
  std::map<std::string, std::uint64_t> unknown_;
  Trace trace_;
};

}  // namespace

Trace read_kineto(ByteSource& source) { return KinetoReader(source).run(); }

}  // namespace bigmac
