#include "bigmac/profiler/nsys.h"

#include <map>
#include <unordered_map>

#include "bigmac/base/error.h"
#include "sqlite.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMaxTime = std::int64_t{1} << 60;
constexpr std::int64_t kPushPop = 59, kStartEnd = 60;  // ENUM_NSYS_EVENT_TYPE

// A global id holds the process above bit 24, the thread below.
std::int64_t process_of(std::int64_t global_id) { return global_id >> 24; }
std::int64_t pid_of(std::int64_t global_id) { return (global_id >> 24) & 0xFFFFFF; }
std::int64_t tid_of(std::int64_t global_id) { return global_id & 0xFFFFFF; }

class NsysReader {
 public:
  explicit NsysReader(const Database& database) : database_(database) { trace_.sources.push_back(database.name()); }

  Trace run() {
    if (!database_.has_table("StringIds") && !database_.has_table("NVTX_EVENTS"))
      bad_input(database_.name(), "no table StringIds; expected an export of Nsight Systems");
    strings();
    devices();
    gpu("CUPTI_ACTIVITY_KIND_KERNEL", EventKind::kernel, "demangledName", "shortName");
    gpu("CUPTI_ACTIVITY_KIND_MEMCPY", EventKind::copy, "copyKind", "bytes");
    gpu("CUPTI_ACTIVITY_KIND_MEMSET", EventKind::set, "value", "bytes");
    calls("CUPTI_ACTIVITY_KIND_RUNTIME");
    calls("CUPTI_ACTIVITY_KIND_DRIVER");
    ranges();
    syncs();
    process_names();
    sort_events(trace_);
    return std::move(trace_);
  }

 private:
  bool there(const std::string& table) {
    if (database_.has_table(table)) return true;
    if (table.find("DRIVER") == std::string::npos)
      trace_.notes.push_back(database_.name() + ": no table " + table + " in this export");
    return false;
  }

  void strings() {
    if (!there("StringIds")) return;
    Rows rows = database_.rows("StringIds", {"id", "value"});
    while (rows.next()) {
      const std::int64_t id = rows.integer(0, INT64_MIN, INT64_MAX);
      strings_[id] = trace_.names.intern(rows.text(1).value_or(""));
      if (trace_.names.bytes() > kMaxNameBytes) rows.fail(1, "the names take more than 1 GiB");
    }
  }

  void devices() {
    if (!database_.has_table("TARGET_INFO_GPU")) return;
    Rows rows = database_.rows("TARGET_INFO_GPU", {"id", "name"});
    while (rows.next()) {
      const auto id = static_cast<std::size_t>(rows.integer(0, 0, 1 << 16));
      if (trace_.devices.size() <= id) trace_.devices.resize(id + 1);
      trace_.devices[id] = std::string(rows.text(1).value_or(""));
    }
  }

  /// Old exports name no process beside GPU work: all of it is then one process's.
  ProcessId process(std::int64_t global_id) {
    const std::int64_t key = one_process_ ? 0 : process_of(global_id);
    const ProcessId fresh{static_cast<std::uint32_t>(trace_.processes.size())};
    const auto [found, is_new] = processes_.try_emplace(key, fresh);
    if (is_new) trace_.processes.items.emplace_back().pid = one_process_ ? 0 : pid_of(global_id);
    return found->second;
  }

  LaneId lane(const Rows& rows, int column, ProcessId process, LaneKind kind, std::int64_t device,
              std::int64_t number) {
    const auto found = lanes_.find(trace_, process, kind, device, number);
    if (!found) rows.fail(column, "more than 1,048,576 threads and streams; expected those of a real run");
    return *found;
  }

  NameId string(const Rows& rows, int column, std::int64_t id) const {
    const auto found = strings_.find(id);
    if (found == strings_.end()) rows.fail(column, "string " + std::to_string(id) + " is not in StringIds");
    return found->second;
  }

  Event timed(const Rows& rows, EventKind kind) const {
    const std::int64_t start = rows.integer(0, 0, kMaxTime), end = rows.integer(1, 0, kMaxTime);
    if (end < start) rows.fail(1, "ends before it starts");
    return {kind, {}, {}, Nanoseconds{start}, Nanoseconds{end - start}};
  }

  void gpu(const std::string& table, EventKind kind, const std::string& name, const std::string& last) {
    if (!there(table)) return;
    Rows rows =
        database_.rows(table, {"start", "end", "deviceId", "streamId", "correlationId", "globalPid", name, last});
    while (rows.next()) {
      ++trace_.records;
      Event event = timed(rows, kind);
      const auto global_pid = rows.integer(5);
      if (!global_pid) one_process_ = true;
      event.lane = lane(rows, 3, process(global_pid.value_or(0)), LaneKind::stream, rows.integer(2, 0, 1 << 20),
                        rows.integer(3, 0, INT64_MAX));
      event.correlation = static_cast<std::uint64_t>(rows.integer(4).value_or(0));
      event.name = operation_name(rows, kind);
      const EventId id = trace_.events.add(event);
      if (kind != EventKind::kernel) trace_.copies.push_back({id, Bytes{rows.integer(7, 0, kMaxBytes.value)}});
    }
  }

  NameId operation_name(const Rows& rows, EventKind kind) {
    if (kind == EventKind::set) return trace_.names.intern("Memset");
    if (kind == EventKind::kernel) {
      const bool has_long = rows.integer(6).has_value();
      return string(rows, has_long ? 6 : 7, rows.integer(has_long ? 6 : 7, INT64_MIN, INT64_MAX));
    }
    constexpr const char* kDirections[] = {"Memcpy",      "Memcpy HtoD", "Memcpy DtoH", "Memcpy HtoA",
                                           "Memcpy AtoH", "Memcpy AtoA", "Memcpy AtoD", "Memcpy DtoA",
                                           "Memcpy DtoD", "Memcpy HtoH", "Memcpy PtoP"};
    const std::int64_t copy = rows.integer(6, 0, INT64_MAX);
    return trace_.names.intern(copy <= 10 ? kDirections[copy] : kDirections[0]);
  }

  void calls(const std::string& table) {
    if (!there(table)) return;
    Rows rows = database_.rows(table, {"start", "end", "globalTid", "correlationId", "nameId"});
    while (rows.next()) {
      ++trace_.records;
      Event event = timed(rows, EventKind::call);
      event.lane = thread(rows, 2);
      event.correlation = static_cast<std::uint64_t>(rows.integer(3).value_or(0));
      event.name = string(rows, 4, rows.integer(4, INT64_MIN, INT64_MAX));
      trace_.events.add(event);
    }
  }

  LaneId thread(const Rows& rows, int column) {
    const std::int64_t global_tid = rows.integer(column, 0, INT64_MAX);
    return lane(rows, column, process(global_tid), LaneKind::thread, 0, tid_of(global_tid));
  }

  void ranges() {
    if (!there("NVTX_EVENTS")) return;
    Rows rows = database_.rows("NVTX_EVENTS", {"start", "end", "eventType", "text", "textId", "globalTid"});
    std::uint64_t open = 0;
    while (rows.next()) {
      const std::int64_t type = rows.integer(2, INT64_MIN, INT64_MAX);
      if (type != kPushPop && type != kStartEnd) continue;
      ++trace_.records;
      if (!rows.integer(1)) {
        ++open;
        continue;
      }
      Event event = timed(rows, type == kPushPop ? EventKind::range : EventKind::process_range);
      event.lane = thread(rows, 5);
      if (const auto text = rows.text(3)) event.name = trace_.names.intern(*text);
      else if (const auto id = rows.integer(4)) event.name = string(rows, 4, *id);
      trace_.events.add(event);
    }
    if (open > 0)
      trace_.notes.push_back(database_.name() + ": " + std::to_string(open) + " ranges never end and were left out");
  }

  void syncs() {
    if (!database_.has_table("CUPTI_ACTIVITY_KIND_SYNCHRONIZATION")) return;
    Rows rows = database_.rows("CUPTI_ACTIVITY_KIND_SYNCHRONIZATION",
                               {"syncType", "correlationId", "deviceId", "streamId", "globalPid"});
    while (rows.next()) {
      const std::int64_t type = rows.integer(0, INT64_MIN, INT64_MAX);
      if (type < 1 || type > 4) continue;  // ENUM_CUPTI_SYNC_TYPE
      SyncDetail detail;
      detail.kind = static_cast<SyncKind>(type - 1);
      detail.call = static_cast<std::uint64_t>(rows.integer(1).value_or(0));
      detail.process = process(rows.integer(4).value_or(0));
      detail.device = rows.integer(2);
      if (detail.kind == SyncKind::stream || detail.kind == SyncKind::stream_wait) detail.stream = rows.integer(3);
      trace_.syncs.push_back(detail);
    }
  }

  void process_names() {
    if (!database_.has_table("PROCESSES")) return;
    Rows rows = database_.rows("PROCESSES", {"globalPid", "name"});
    while (rows.next()) {
      const auto global_pid = rows.integer(0);
      const auto found = global_pid ? processes_.find(process_of(*global_pid)) : processes_.end();
      if (found != processes_.end()) trace_.processes[found->second].name = std::string(rows.text(1).value_or(""));
    }
  }

  const Database& database_;
  std::unordered_map<std::int64_t, NameId> strings_;
  std::map<std::int64_t, ProcessId> processes_;
  bool one_process_ = false;
  LaneIndex lanes_;
  Trace trace_;
};

}  // namespace

Trace read_nsys(const std::string& path) {
  const Database database(path);
  return NsysReader(database).run();
}

Trace read_nsys_image(std::string_view image, const std::string& name) {
  const Database database(image, name);
  return NsysReader(database).run();
}

}  // namespace bigmac
