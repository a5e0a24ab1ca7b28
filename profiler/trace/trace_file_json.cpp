#include "bigmac/profiler/trace_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include <simdjson.h>

#include "bigmac/base/error.h"
#include "json_tokens.h"

namespace bigmac {
namespace {

namespace ondemand = simdjson::ondemand;

constexpr std::size_t kWindow = std::size_t{4} << 20;
constexpr std::size_t kMaxFields = 10;
constexpr std::int64_t kMaxTime = std::int64_t{1} << 60;

/// What docs/trace.md has and the trace model does not hold.
constexpr std::array<std::string_view, 10> kLeftOut = {"context", "stream", "driver",   "open", "mark",
                                                       "node",    "pool",   "overhead", "step", "end"};

/// One line's scalars, as they stand in the text.
class Fields {
 public:
  /// `base` is added to every time.
  Fields(const std::string& file, std::uint64_t offset, Nanoseconds base)
      : file_(&file), offset_(offset), base_(base) {}

  void add(std::string_view token) {
    if (count_ < kMaxFields) tokens_[count_] = token;
    ++count_;
  }
  std::size_t size() const { return count_; }
  /// At least `count`: a newer writer may say more.
  void expect(std::size_t count, const char* what) const {
    if (count_ < count) fail(std::string("expected ") + what);
  }
  [[noreturn]] void fail(const std::string& what) const { bad_input(at_byte(*file_, offset_), what); }

  std::int64_t integer(std::size_t i, std::int64_t low, std::int64_t high) const {
    const auto value = integer_token(tokens_[i]);
    if (!value || *value < low || *value > high)
      fail("element " + std::to_string(i) + ": expected an integer from " + std::to_string(low) + " to " +
           std::to_string(high) + ", found " + std::string(trimmed(tokens_[i]).substr(0, 40)));
    return *value;
  }
  Nanoseconds time(std::size_t i) const { return base_ + Nanoseconds{integer(i, -kMaxTime, kMaxTime)}; }
  std::string_view token(std::size_t i) const { return tokens_[i]; }

 private:
  const std::string* file_;
  std::uint64_t offset_;
  Nanoseconds base_;
  std::array<std::string_view, kMaxFields> tokens_;
  std::size_t count_ = 0;
};

class Reader {
 public:
  explicit Reader(ByteSource& source) : source_(source), buffer_(kWindow + simdjson::SIMDJSON_PADDING) {
    trace_.sources.push_back(source.file());
  }

  Trace run() {
    while (fill()) take_lines();
    if (lines_ == 0) fail(0, "expected a header line with schema 'bigmac.trace/1'; the file is empty");
    if (used_ > 0) note_cut_line();
    for (const auto& [word, times] : unknown_)
      trace_.notes.push_back(source_.file() + ": " + std::to_string(times) + " records of unknown kind '" + word +
                             "' skipped");
    sort_events(trace_);
    return std::move(trace_);
  }

 private:
  [[noreturn]] void fail(std::uint64_t offset, const std::string& what) const {
    bad_input(at_byte(source_.file(), offset), what);
  }

  bool fill() {
    const std::size_t got = source_.read(buffer_.data() + used_, kWindow - used_);
    used_ += got;
    if (got == 0 && used_ == kWindow) fail(begin_, "a line longer than 4 MiB");
    return got > 0;
  }

  void take_lines() {
    std::size_t from = 0;
    while (const void* newline = std::memchr(buffer_.data() + from, '\n', used_ - from)) {
      const std::size_t end = static_cast<std::size_t>(static_cast<const char*>(newline) - buffer_.data());
      if (end > from) take_line(from, end);
      from = end + 1;
    }
    if (from == 0 && used_ == kWindow) fail(begin_, "a line longer than 4 MiB");
    std::memmove(buffer_.data(), buffer_.data() + from, used_ - from);
    used_ -= from;
    begin_ += from;
  }

  void note_cut_line() {
    trace_.notes.push_back(at_byte(source_.file(), begin_) + ": the last line is cut short and was dropped");
    ++trace_.dropped;
  }

  void take_line(std::size_t from, std::size_t end) {
    const std::uint64_t offset = begin_ + from;
    // The rest of the buffer is the padding that the parser may look at.
    auto document = parser_.iterate(buffer_.data() + from, end - from, buffer_.size() - from);
    if (document.error() != simdjson::SUCCESS) fail(offset, simdjson::error_message(document.error()));
    if (++lines_ == 1) return read_header(document.value_unsafe(), offset);
    ++trace_.records;
    ondemand::array array;
    if (document.get_array().get(array) != simdjson::SUCCESS) fail(offset, "expected an array");
    Fields fields(source_.file(), offset, base_);
    for (auto element : array) {
      ondemand::value value;
      ondemand::json_type type{};
      if (element.get(value) != simdjson::SUCCESS || value.type().get(type) != simdjson::SUCCESS)
        fail(offset, "not valid JSON");
      if (type == ondemand::json_type::array || type == ondemand::json_type::object) {
        // A kernel's grid, the last line's counts: none that is read. The parser steps over it.
        fields.add("nested");
        continue;
      }
      if (type == ondemand::json_type::string && value.raw_json_token().find('\\') != std::string_view::npos)
        unescaped_ = text_of(value, offset);
      fields.add(value.raw_json_token());
    }
    if (document.current_location().error() != simdjson::OUT_OF_BOUNDS)
      fail(offset, "not valid JSON: something follows the array");
    take(fields);
  }

  std::string text_of(ondemand::value value, std::uint64_t offset) {
    std::string_view text;
    if (value.get_string().get(text) != simdjson::SUCCESS) fail(offset, "not a valid string");
    return std::string(text);
  }

  void read_header(ondemand::document& document, std::uint64_t offset) {
    ondemand::object header;
    if (document.get_object().get(header) != simdjson::SUCCESS) fail(offset, "expected a header line, an object");
    Process process;
    std::string schema;
    bool has_pid = false;
    for (auto field : header) {
      std::string_view key;
      ondemand::value value;
      if (field.unescaped_key().get(key) != simdjson::SUCCESS || field.value().get(value) != simdjson::SUCCESS)
        fail(offset, "not valid JSON");
      if (key == "schema") schema = text_of(value, offset);
      if (key == "host") process.host = text_of(value, offset);
      if (key == "name") process.name = text_of(value, offset);
      if (key == "pid") process.pid = header_integer(value, "pid", offset);
      if (key == "rank") process.rank = header_integer(value, "rank", offset);
      if (key == "world_size") process.world_size = header_integer(value, "world_size", offset);
      if (key == "base_unix_ns") base_.value = header_integer(value, "base_unix_ns", offset);
      if (base_.value > INT64_MAX / 4) fail(offset, "base_unix_ns: expected a time within a century of 1970");
      has_pid |= key == "pid";
    }
    if (schema != "bigmac.trace/1")
      fail(offset, "expected schema 'bigmac.trace/1', found '" + schema.substr(0, 60) + "'");
    if (!has_pid) fail(offset, "expected a pid in the header");
    trace_.processes.items.push_back(process);
  }

  std::int64_t header_integer(ondemand::value value, const char* what, std::uint64_t offset) const {
    const auto number = integer_token(value.raw_json_token());
    if (!number || *number < 0) fail(offset, std::string(what) + ": expected an integer from 0");
    return *number;
  }

  void take(const Fields& f) {
    if (f.size() == 0) f.fail("expected a record, found an empty array");
    const auto word = plain_string_token(f.token(0));
    if (!word) f.fail("expected the kind of record first, a string");
    if (*word == "kernel") gpu(f, EventKind::kernel);
    else if (*word == "copy") gpu(f, EventKind::copy);
    else if (*word == "set") gpu(f, EventKind::set);
    else if (*word == "call") call(f);
    else if (*word == "range") range(f, EventKind::range);
    else if (*word == "process_range") range(f, EventKind::process_range);
    else if (*word == "name") name(f);
    else if (*word == "thread") thread(f);
    else if (*word == "sync") sync(f);
    else if (*word == "memory") memory(f);
    else if (*word == "device") device(f);
    else if (*word == "dropped") dropped(f);
    else if (*word == "note") note(f);
    else if (std::find(kLeftOut.begin(), kLeftOut.end(), *word) != kLeftOut.end()) return;
    else if (unknown_.size() < 32 || unknown_.contains(std::string(*word))) ++unknown_[std::string(*word)];
  }

  std::string text(const Fields& f, std::size_t i) const {
    if (const auto plain = plain_string_token(f.token(i))) return std::string(*plain);
    if (f.token(i).empty() || f.token(i).front() != '"') f.fail("element " + std::to_string(i) + ": expected a string");
    return unescaped_;  // at most one text to a record
  }

  NameId name_at(const Fields& f, std::size_t i) const {
    const auto id = static_cast<std::size_t>(f.integer(i, 0, INT64_MAX));
    if (id >= names_.size())
      f.fail("element " + std::to_string(i) + ": name " + std::to_string(id) + " was never given");
    return names_[id];
  }

  Nanoseconds duration(const Fields& f) const {
    const Nanoseconds spent = f.time(2) - f.time(1);
    if (spent.value < 0) f.fail("ends before it starts");
    return spent;
  }

  LaneId lane(const Fields& f, LaneKind kind, std::int64_t device, std::int64_t number) {
    const auto found = lanes_.find(trace_, ProcessId{0}, kind, device, number);
    if (!found) f.fail("more than 1,048,576 threads and streams; expected those of a real run");
    return *found;
  }

  LaneId thread_lane(const Fields& f, std::size_t i) {
    return lane(f, LaneKind::thread, 0, f.integer(i, INT64_MIN, INT64_MAX));
  }

  void gpu(const Fields& f, EventKind kind) {
    const bool bytes = kind != EventKind::kernel;
    f.expect(bytes ? 8 : 7, bytes ? "[kind, start, end, device, stream, correlation, name, bytes]"
                                  : "[kind, start, end, device, stream, correlation, name]");
    const LaneId stream = lane(f, LaneKind::stream, f.integer(3, 0, 1 << 20), f.integer(4, 0, INT64_MAX));
    const auto correlation = static_cast<std::uint64_t>(f.integer(5, 0, INT64_MAX));
    const EventId event = trace_.events.add({kind, stream, name_at(f, 6), f.time(1), duration(f), correlation});
    if (bytes) trace_.copies.push_back({event, Bytes{f.integer(7, 0, kMaxBytes.value)}});
  }

  void call(const Fields& f) {
    f.expect(6, "[\"call\", start, end, tid, correlation, name]");
    const auto correlation = static_cast<std::uint64_t>(f.integer(4, 0, INT64_MAX));
    trace_.events.add({EventKind::call, thread_lane(f, 3), name_at(f, 5), f.time(1), duration(f), correlation});
  }

  void range(const Fields& f, EventKind kind) {
    f.expect(5, "[\"range\", start, end, tid, name]");
    trace_.events.add({kind, thread_lane(f, 3), name_at(f, 4), f.time(1), duration(f)});
  }

  void name(const Fields& f) {
    f.expect(3, "[\"name\", id, \"text\"]");
    if (f.integer(1, 0, INT64_MAX) != static_cast<std::int64_t>(names_.size()))
      f.fail("names are numbered from 0 in order; expected " + std::to_string(names_.size()));
    names_.push_back(trace_.names.intern(text(f, 2)));
    if (trace_.names.bytes() > kMaxNameBytes) f.fail("the names take more than 1 GiB");
  }

  void thread(const Fields& f) {
    f.expect(3, "[\"thread\", tid, name]");
    trace_.lanes[thread_lane(f, 1)].name = std::string(trace_.names[name_at(f, 2)]);
  }

  void sync(const Fields& f) {
    f.expect(7, "[\"sync\", kind, correlation, device, stream, record_stream, record]");
    constexpr std::array<std::string_view, 4> kKinds = {"event", "stream_wait", "stream", "context"};
    const auto kind = std::find(kKinds.begin(), kKinds.end(), plain_string_token(f.token(1)).value_or(""));
    if (kind == kKinds.end()) f.fail("element 1: expected event, stream_wait, stream or context");
    SyncDetail detail;
    detail.kind = static_cast<SyncKind>(kind - kKinds.begin());
    detail.call = static_cast<std::uint64_t>(f.integer(2, 0, INT64_MAX));
    const auto known = [&](std::size_t i) -> std::optional<std::int64_t> {
      const std::int64_t value = f.integer(i, -1, INT64_MAX);
      return value < 0 ? std::nullopt : std::optional(value);
    };
    detail.device = known(3);
    detail.stream = known(4);
    detail.record_stream = known(5);
    if (const auto record = known(6)) detail.record = static_cast<std::uint64_t>(*record);
    trace_.syncs.push_back(detail);
  }

  void memory(const Fields& f) {
    f.expect(5, "[\"memory\", time, device, address, bytes]");
    MemoryEvent event;
    event.time = f.time(1);
    event.order = static_cast<std::int64_t>(trace_.memory.size());
    event.device = f.integer(2, -1, 1 << 20);
    event.address = static_cast<std::uint64_t>(f.integer(3, INT64_MIN, INT64_MAX));
    event.bytes = Bytes{f.integer(4, -kMaxBytes.value, kMaxBytes.value)};
    trace_.memory.push_back(event);
  }

  void device(const Fields& f) {
    f.expect(3, "[\"device\", device, \"name\"]");
    const auto id = static_cast<std::size_t>(f.integer(1, 0, 1 << 16));
    if (trace_.devices.size() <= id) trace_.devices.resize(id + 1);
    trace_.devices[id] = text(f, 2);
  }

  void dropped(const Fields& f) {
    f.expect(2, "[\"dropped\", count]");
    trace_.dropped += static_cast<std::uint64_t>(f.integer(1, 0, INT64_MAX));
  }

  void note(const Fields& f) {
    f.expect(2, "[\"note\", \"text\"]");
    if (trace_.notes.size() < 64) trace_.notes.push_back(source_.file() + ": " + text(f, 1));
  }

  ByteSource& source_;
  std::vector<char> buffer_;
  std::size_t used_ = 0;
  std::uint64_t begin_ = 0;  ///< where the buffer begins in the text
  std::uint64_t lines_ = 0;
  ondemand::parser parser_;
  std::string unescaped_;
  Nanoseconds base_;
  std::vector<NameId> names_;
  LaneIndex lanes_;
  std::map<std::string, std::uint64_t> unknown_;
  Trace trace_;
};

}  // namespace

Trace read_trace(ByteSource& source) { return Reader(source).run(); }

Trace read_trace_file(const std::string& path) { return read_trace(*open_bytes(path)); }

}  // namespace bigmac
