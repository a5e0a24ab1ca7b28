#include "bigmac/profiler/trace.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

template <class T>
void permute(std::vector<T>& column, const std::vector<std::uint32_t>& order) {
  std::vector<T> sorted;
  sorted.reserve(column.size());
  for (const std::uint32_t from : order) sorted.push_back(column[from]);
  column = std::move(sorted);
}

template <class Detail>
void renumber(std::vector<Detail>& details, const std::vector<std::uint32_t>& place) {
  for (Detail& detail : details) detail.event.value = place[detail.event.value];
  std::sort(details.begin(), details.end(), [](const Detail& a, const Detail& b) { return a.event < b.event; });
}

/// Where the ids of an appended trace begin in the one it is appended to.
struct Offsets {
  std::uint32_t process, lane, event;
  std::vector<NameId> name;  ///< by the appended trace's ids
};

void append_lanes(Trace& trace, Trace& other, const Offsets& at) {
  for (Process& process : other.processes) trace.processes.items.push_back(std::move(process));
  for (Lane& lane : other.lanes) {
    lane.process.value += at.process;
    trace.lanes.items.push_back(std::move(lane));
  }
}

void append_events(Trace& trace, const Events& events, const Offsets& at, Nanoseconds shift) {
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    Event event = events[EventId{i}];
    event.lane.value += at.lane;
    event.name = at.name[event.name.value];
    event.start += shift;
    trace.events.add(event);
  }
}

void append_details(Trace& trace, const Trace& other, const Offsets& at, Nanoseconds shift) {
  for (OperatorDetail detail : other.operators) {
    detail.event.value += at.event;
    trace.operators.push_back(detail);
  }
  for (CopyDetail detail : other.copies) {
    detail.event.value += at.event;
    trace.copies.push_back(detail);
  }
  for (CollectiveDetail detail : other.collectives) {
    detail.event.value += at.event;
    detail.collective = at.name[detail.collective.value];
    detail.group = at.name[detail.group.value];
    trace.collectives.push_back(detail);
  }
  for (SyncDetail detail : other.syncs) {
    detail.process.value += at.process;
    trace.syncs.push_back(detail);
  }
  for (MemoryEvent event : other.memory) {
    event.process.value += at.process;
    event.time += shift;
    trace.memory.push_back(event);
  }
}

}  // namespace

NameId Names::intern(std::string_view text) {
  if (const auto found = ids_.find(text); found != ids_.end()) return found->second;
  bytes_ += text.size();
  const NameId id{static_cast<std::uint32_t>(texts_.size())};
  texts_.emplace_back(text);
  ids_.emplace(texts_.back(), id);
  return id;
}

const char* name_of(EventKind kind) {
  constexpr const char* kNames[kEventKinds] = {"kernel", "copy",          "set",       "call",           "operation",
                                               "range",  "process_range", "gpu_range", "python_function"};
  return kNames[static_cast<std::size_t>(kind)];
}

EventId Events::add(const Event& event) {
  BIGMAC_CHECK(kind.size() < UINT32_MAX);
  kind.push_back(event.kind);
  lane.push_back(event.lane);
  name.push_back(event.name);
  start.push_back(event.start);
  duration.push_back(event.duration);
  correlation.push_back(event.correlation);
  return EventId{static_cast<std::uint32_t>(kind.size() - 1)};
}

Event Events::operator[](EventId id) const {
  const std::size_t i = id.value;
  return {kind[i], lane[i], name[i], start[i], duration[i], correlation[i]};
}

std::size_t LaneIndex::Hash::operator()(const Key& key) const {
  std::uint64_t h = static_cast<std::uint64_t>(key.number) * 0x9E3779B97F4A7C15ULL;
  h ^= (static_cast<std::uint64_t>(key.device) * 0xC2B2AE3D27D4EB4FULL) ^ (h >> 29);
  h ^= (std::uint64_t{key.process} << 1 | static_cast<std::uint64_t>(key.kind)) * 0x165667B19E3779F9ULL;
  return static_cast<std::size_t>(h ^ (h >> 32));
}

std::optional<LaneId> LaneIndex::find(Trace& trace, ProcessId process, LaneKind kind, std::int64_t device,
                                      std::int64_t number) {
  const Key key{process.value, kind, device, number};
  if (last_id_ && key == last_) return last_id_;
  const LaneId fresh{static_cast<std::uint32_t>(trace.lanes.size())};
  const auto [entry, is_new] = ids_.try_emplace(key, fresh);
  if (is_new) {
    if (trace.lanes.size() >= kMaxLanes) return std::nullopt;
    trace.lanes.items.push_back({process, kind, device, number, ""});
  }
  last_ = key;
  last_id_ = entry->second;
  return last_id_;
}

void sort_events(Trace& trace) {
  const Events& events = trace.events;
  std::vector<std::uint32_t> order(events.size());
  std::iota(order.begin(), order.end(), 0U);
  const auto key = [&](std::uint32_t i) { return std::tuple(events.start[i], -events.duration[i].value, i); };
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  std::vector<std::uint32_t> place(order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  permute(trace.events.kind, order);
  permute(trace.events.lane, order);
  permute(trace.events.name, order);
  permute(trace.events.start, order);
  permute(trace.events.duration, order);
  permute(trace.events.correlation, order);
  renumber(trace.operators, place);
  renumber(trace.copies, place);
  renumber(trace.collectives, place);
  std::stable_sort(trace.memory.begin(), trace.memory.end(), [](const MemoryEvent& a, const MemoryEvent& b) {
    return std::tuple(a.time, a.order) < std::tuple(b.time, b.order);
  });
}

void append(Trace& trace, Trace&& other, Nanoseconds shift) {
  Offsets at{static_cast<std::uint32_t>(trace.processes.size()),
             static_cast<std::uint32_t>(trace.lanes.size()),
             static_cast<std::uint32_t>(trace.events.size()),
             {}};
  if (trace.lanes.size() + other.lanes.size() > kMaxLanes)
    bad_input(other.sources.empty() ? "" : other.sources.front(), "more than 1,048,576 threads and streams in all");
  if (trace.events.size() + other.events.size() >= UINT32_MAX)
    bad_input(other.sources.empty() ? "" : other.sources.front(), "more than 2^32 events in all");
  for (std::uint32_t i = 0; i < other.names.size(); ++i) at.name.push_back(trace.names.intern(other.names[NameId{i}]));
  append_lanes(trace, other, at);
  append_events(trace, other.events, at, shift);
  append_details(trace, other, at, shift);
  trace.sources.insert(trace.sources.end(), other.sources.begin(), other.sources.end());
  trace.notes.insert(trace.notes.end(), other.notes.begin(), other.notes.end());
  if (other.devices.size() > trace.devices.size()) trace.devices = std::move(other.devices);
  trace.records += other.records;
  trace.dropped += other.dropped;
}

}  // namespace bigmac
