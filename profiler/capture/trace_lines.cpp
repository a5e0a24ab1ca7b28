#include "trace_lines.h"

#include <algorithm>

#include "cupti_abi.h"
#include "json_text.h"

namespace bigmac::capture {
namespace {

constexpr std::size_t kMaxNames = 65536, kNamesOfOneEvent = 2, kMaxEvents = 65536, kMaxContexts = 65536;

/// In the order of Event's alternatives.
constexpr std::array<const char*, std::variant_size_v<Event>> kWords = {
    "kernel",  "copy",   "set",   "call",          "sync", "event_record", "memory", "pool", "overhead", "device",
    "context", "stream", "range", "process_range", "open", "mark",         "thread", "node", "step"};

constexpr const char* kSyncKinds[] = {"event", "stream_wait", "stream", "context"};

bool is_number(const std::string& text) {
  return !text.empty() && text.size() < 10 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void member(std::string& out, std::string_view key) {
  out += ", ";
  append_quoted(out, key);
  out += ": ";
}

void text_member(std::string& out, std::string_view key, const std::string& text) {
  if (text.empty()) return;
  member(out, key);
  append_quoted(out, text);
}

void number_member(std::string& out, std::string_view key, const std::string& text) {
  if (!is_number(text)) return;
  member(out, key);
  append_number(out, std::stoll(text));
}

std::int64_t or_unknown(std::uint32_t value) { return value == cupti::kNoStream ? -1 : std::int64_t{value}; }

}  // namespace

void TraceLines::open(std::string_view word) {
  text_ += "[\"";
  text_ += word;
  text_ += '"';
}

void TraceLines::close() { text_ += "]\n"; }

template <class Number>
void TraceLines::number(Number value) {
  text_ += ", ";
  append_number(text_, value);
}

void TraceLines::quoted(std::string_view text) {
  text_ += ", ";
  append_quoted(text_, text);
}

// Writes the "name" line, if one is due: call before open().
std::uint32_t TraceLines::name(std::string_view text) {
  if (text.empty()) return 0;
  key_.assign(text);
  if (const auto found = names_.find(key_); found != names_.end()) return found->second;
  const std::uint32_t id = next_name_++;
  names_.emplace(key_, id);
  open("name");
  number(id);
  quoted(text);
  close();
  return id;
}

std::int64_t TraceLines::device_of(std::uint32_t context) const {
  const auto found = device_by_context_.find(context);
  return found == device_by_context_.end() ? -1 : std::int64_t{found->second};
}

void TraceLines::learn(std::uint32_t context, std::uint32_t device) {
  if (device_by_context_.size() == kMaxContexts) device_by_context_.clear();
  device_by_context_[context] = device;
}

void TraceLines::payload(const Payload& payload) {
  if (payload.type == Payload::Type::integer) number(payload.integer);
  if (payload.type == Payload::Type::natural) number(payload.natural);
  if (payload.type == Payload::Type::real) number(payload.real);
}

void TraceLines::header(const Header& header) {
  text_ += "{\"schema\": \"bigmac.trace/1\", \"pid\": ";
  append_number(text_, header.pid);
  member(text_, "parent_pid");
  append_number(text_, header.parent_pid);
  text_member(text_, "host", header.host);
  text_member(text_, "name", header.name);
  member(text_, "command");
  text_ += '[';
  for (std::size_t i = 0; i < header.command.size(); ++i) {
    text_ += i == 0 ? "" : ", ";
    append_quoted(text_, header.command[i]);
  }
  text_ += ']';
  number_member(text_, "rank", header.rank);
  number_member(text_, "local_rank", header.local_rank);
  number_member(text_, "world_size", header.world_size);
  text_member(text_, "clock", "monotonic");
  member(text_, "base_unix_ns");
  append_number(text_, header.base_unix_ns);
  text_member(text_, "mode", header.mode);
  text_member(text_, "step_range", header.step_range);
  text_member(text_, "steps", header.steps);
  text_member(text_, "version", BIGMAC_VERSION);
  text_ += "}\n[\"name\", 0, \"\"]\n";
}

void TraceLines::append(const Event& event) {
  ++counts_[event.index()];
  if (names_.size() + kNamesOfOneEvent > kMaxNames) names_.clear(), call_names_.clear();  // never within a line
  std::visit([this](const auto& e) { write(e); }, event);
}

void TraceLines::write(const KernelEvent& e) {
  learn(e.context, e.device);
  const std::uint32_t id = name(e.name);
  open("kernel");
  numbers(e.start, e.end, e.device, e.stream, e.correlation, id, e.context, e.graph_node);
  for (const auto& size : {e.grid, e.block}) {
    text_ += ", [";
    append_number(text_, size[0]);
    number(size[1]);
    number(size[2]);
    text_ += ']';
  }
  numbers(e.registers, e.shared_bytes);
  close();
}

void TraceLines::write(const CopyEvent& e) {
  learn(e.context, e.device);
  const std::uint32_t id = name(e.direction);
  open("copy");
  numbers(e.start, e.end, e.device, e.stream, e.correlation, id, e.bytes, e.context, e.graph_node, e.from, e.to);
  close();
}

void TraceLines::write(const SetEvent& e) {
  learn(e.context, e.device);
  const std::uint32_t id = name("memset");
  open("set");
  numbers(e.start, e.end, e.device, e.stream, e.correlation, id, e.bytes, e.context, e.graph_node);
  close();
}

void TraceLines::write(const CallEvent& e) {
  const std::uint64_t key = std::uint64_t{e.driver} << 32 | e.callback;
  auto known = call_names_.find(key);
  if (known == call_names_.end()) known = call_names_.emplace(key, name(call_name_(e.driver, e.callback))).first;
  open("call");
  numbers(e.start, e.end, e.thread, e.correlation, known->second, e.result);
  close();
}

void TraceLines::write(const SyncEvent& e) {
  std::int64_t record_stream = -1, record = -1;
  if (const auto found = recorded_.find(e.event); found != recorded_.end()) {
    record_stream = found->second.stream;
    record = static_cast<std::int64_t>(found->second.correlation);
  }
  open("sync");
  quoted(kSyncKinds[static_cast<std::size_t>(e.kind)]);
  numbers(e.correlation, device_of(e.context), or_unknown(e.stream), record_stream, record, e.start, e.end, e.context,
          or_unknown(e.event));
  close();
}

void TraceLines::write(const EventRecorded& e) {
  if (recorded_.size() == kMaxEvents) recorded_.clear();
  recorded_[e.event] = {e.stream, e.correlation};
}

void TraceLines::write(const MemoryEvent& e) {
  open("memory");
  numbers(e.time, e.device, e.address, e.bytes, e.correlation);
  quoted(e.kind);
  number(e.pool);
  close();
}

void TraceLines::write(const PoolEvent& e) {
  open("pool");
  numbers(e.time, e.device);
  quoted(e.operation);
  numbers(e.address, e.size, e.used);
  close();
}

void TraceLines::write(const OverheadEvent& e) {
  open("overhead");
  numbers(e.start, e.end);
  quoted(e.kind);
  number(e.thread);
  close();
}

void TraceLines::write(const DeviceEvent& e) {
  open("device");
  number(e.device);
  quoted(e.name);
  numbers(e.multiprocessors, e.memory_bytes, e.major, e.minor, e.l2_bytes);
  close();
}

void TraceLines::write(const ContextEvent& e) {
  learn(e.context, e.device);
  open("context");
  numbers(e.context, e.device);
  close();
}

void TraceLines::write(const StreamEvent& e) {
  open("stream");
  numbers(e.stream, e.context, e.priority);
  close();
}

void TraceLines::write(const RangeEvent& e) {
  const std::uint32_t id = name(e.name), domain = name(e.domain);
  open("range");
  numbers(e.start, e.end, e.thread, id, domain, e.depth);
  payload(e.payload);
  close();
}

void TraceLines::write(const ProcessRangeEvent& e) {
  const std::uint32_t id = name(e.name), domain = name(e.domain);
  open("process_range");
  numbers(e.start, e.end, e.thread, id, domain, e.end_thread);
  payload(e.payload);
  close();
}

void TraceLines::write(const OpenEvent& e) {
  const std::uint32_t id = name(e.name), domain = name(e.domain);
  open("open");
  numbers(e.start, e.now, e.thread, id, domain);
  close();
}

void TraceLines::write(const MarkEvent& e) {
  const std::uint32_t id = name(e.name), domain = name(e.domain);
  open("mark");
  numbers(e.time, e.thread, id, domain);
  payload(e.payload);
  close();
}

void TraceLines::write(const ThreadEvent& e) {
  const std::uint32_t id = name(e.name);
  open("thread");
  numbers(e.thread, id);
  close();
}

void TraceLines::write(const NodeEvent& e) {
  open("node");
  numbers(e.node, e.time, e.thread, e.original);
  close();
}

void TraceLines::write(const StepEvent& e) {
  open("step");
  numbers(e.number, e.time);
  close();
}

void TraceLines::driver(std::int64_t driver_version, std::int64_t cupti_version) {
  open("driver");
  numbers(driver_version, cupti_version);
  close();
}

void TraceLines::dropped(std::uint64_t count, std::string_view why) {
  open("dropped");
  number(count);
  quoted(why);
  close();
}

void TraceLines::note(std::string_view text) {
  open("note");
  quoted(text);
  close();
}

void TraceLines::end(Time time, std::int64_t unix_ns, std::string_view how,
                     const std::vector<std::pair<std::string, double>>& costs) {
  open("end");
  numbers(time, unix_ns);
  quoted(how);
  text_ += ", {";
  bool first = true;
  const auto entry = [&](std::string_view key, auto value) {
    text_ += first ? "" : ", ";
    first = false;
    append_quoted(text_, key);
    text_ += ": ";
    append_number(text_, value);
  };
  for (std::size_t i = 0; i < counts_.size(); ++i)
    if (counts_[i] > 0) entry(kWords[i], counts_[i]);
  for (const auto& [key, value] : costs) entry(key, value);
  text_ += "}";
  close();
}

}  // namespace bigmac::capture
