#include "bigmac/profiler/memory_snapshot.h"

#include <array>
#include <map>

#include "bigmac/base/error.h"
#include "bigmac/profiler/byte_source.h"
#include "pickle.h"

namespace bigmac {
namespace {

/// A value and the path that led to it.
class Reader {
 public:
  Reader(const Pickle& pickle, PickleId id, std::string where) : pickle_(&pickle), id_(id), where_(std::move(where)) {}

  [[noreturn]] void fail(const std::string& what) const { bad_input(where_, what); }

  std::optional<Reader> find(std::string_view key) const {
    if (value().type != PickleType::dictionary) fail("expected a dictionary");
    for (const auto& [name, item] : pickle_->dictionaries[static_cast<std::size_t>(value().number)])
      if (text_of(name) == key) return Reader(*pickle_, item, where_ + "/" + std::string(key));
    return std::nullopt;
  }

  Reader at(std::string_view key) const {
    const auto found = find(key);
    if (!found) fail("expected a member '" + std::string(key) + "'");
    return *found;
  }

  std::size_t size() const { return list().size(); }
  Reader item(std::size_t i) const { return Reader(*pickle_, list()[i], where_ + "/" + std::to_string(i)); }

  std::int64_t integer(std::int64_t low, std::int64_t high) const {
    if (value().type != PickleType::integer || value().number < low || value().number > high)
      fail("expected an integer from " + std::to_string(low) + " to " + std::to_string(high));
    return value().number;
  }

  std::string_view text() const {
    const auto text = text_of(id_);
    if (!text) fail("expected a text");
    return *text;
  }

 private:
  const PickleValue& value() const { return pickle_->values[id_]; }

  std::optional<std::string_view> text_of(PickleId id) const {
    const PickleValue& text = pickle_->values[id];
    if (text.type != PickleType::text) return std::nullopt;
    return pickle_->texts[static_cast<std::size_t>(text.number)];
  }

  const std::vector<PickleId>& list() const {
    if (value().type != PickleType::list && value().type != PickleType::tuple) fail("expected a list");
    return pickle_->lists[static_cast<std::size_t>(value().number)];
  }

  const Pickle* pickle_;
  PickleId id_;
  std::string where_;
};

class SnapshotReader {
 public:
  SnapshotReader(const Pickle& pickle, const std::string& file) : root_(pickle, pickle.root, file + ": ") {
    out_.trace.sources.push_back(file);
    out_.trace.processes.items.emplace_back();
  }

  MemorySnapshot run() {
    const Reader devices = root_.at("device_traces"), segments = root_.at("segments");
    for (std::size_t device = 0; device < devices.size(); ++device) history(devices.item(device), device);
    for (std::size_t i = 0; i < segments.size(); ++i) segment(segments.item(i));
    for (const auto& [device, totals] : totals_) out_.segments.push_back(totals);
    sort_events(out_.trace);
    return std::move(out_);
  }

 private:
  void history(const Reader& events, std::size_t device) {
    for (std::size_t i = 0; i < events.size(); ++i) {
      ++out_.trace.records;
      event(events.item(i), static_cast<std::int64_t>(device), static_cast<std::int64_t>(i));
    }
  }

  void event(const Reader& entry, std::int64_t device, std::int64_t order) {
    const std::string_view action = entry.at("action").text();
    const bool allocates = action == "alloc";
    if (!allocates && action != "free_completed") return;  // requests to free, segments, marks
    MemoryEvent event;
    // Histories before PyTorch 2.1 have no times: their order stands in.
    const auto time = entry.find("time_us");
    event.time = Nanoseconds{time ? 1000 * time->integer(0, INT64_MAX / 2000) : order};
    event.order = order;
    event.device = device;
    event.address = static_cast<std::uint64_t>(entry.at("addr").integer(INT64_MIN, INT64_MAX));
    const std::int64_t size = entry.at("size").integer(0, kMaxBytes.value);
    event.bytes = Bytes{allocates ? size : -size};
    out_.trace.memory.push_back(event);
  }

  void segment(const Reader& entry) {
    const std::int64_t device = entry.at("device").integer(0, 1 << 16);
    SegmentTotals& totals = totals_[device];
    totals.device = device;
    ++totals.segments;
    if (totals.segments > (std::size_t{1} << 12) * 1024) entry.fail("more than 4,194,304 segments on one device");
    totals.reserved += Bytes{entry.at("total_size").integer(0, kMaxBytes.value)};
    totals.allocated += Bytes{entry.at("allocated_size").integer(0, kMaxBytes.value)};
    totals.active += Bytes{entry.at("active_size").integer(0, kMaxBytes.value)};
    if (totals.reserved > kMaxBytes) entry.fail("segments of more than a petabyte on one device");
  }

  Reader root_;
  std::map<std::int64_t, SegmentTotals> totals_;
  MemorySnapshot out_;
};

}  // namespace

MemorySnapshot parse_memory_snapshot(std::string_view bytes, const std::string& file) {
  const Pickle pickle = parse_pickle(bytes, file);
  return SnapshotReader(pickle, file).run();
}

bool is_memory_snapshot(const std::string& path) {
  char first[2] = {};
  return open_bytes(path)->read(first, 2) == 2 && first[0] == '\x80' && first[1] >= 2 && first[1] <= 5;
}

MemorySnapshot read_memory_snapshot(const std::string& path) {
  const auto source = open_bytes(path);
  std::string bytes;
  std::array<char, 1 << 16> piece{};
  for (std::size_t got = source->read(piece.data(), piece.size()); got > 0;
       got = source->read(piece.data(), piece.size())) {
    bytes.append(piece.data(), got);
    if (bytes.size() > (std::size_t{2} << 30)) bad_input(path, "a pickle of more than 2 GiB");
  }
  return parse_memory_snapshot(bytes, path);
}

}  // namespace bigmac
