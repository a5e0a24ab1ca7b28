#include "bigmac/profiler/cut.h"

#include <algorithm>
#include <set>

#include "bigmac/base/error.h"
#include "bigmac/profiler/joins.h"

namespace bigmac {
namespace {

constexpr std::size_t kNamesListed = 12;

struct Window {
  Nanoseconds start, end;
  bool holds(Nanoseconds time) const { return start <= time && time < end; }
};

[[noreturn]] void no_such_range(const Trace& trace, const std::string& range) {
  std::set<std::string> known;
  for (std::uint32_t i = 0; i < trace.events.size() && known.size() < kNamesListed; ++i)
    if (trace.events.kind[i] == EventKind::range)
      known.insert(std::string(trace.names[trace.events.name[i]].substr(0, 80)));
  bad_input("--step", unknown_name("range", range, {known.begin(), known.end()}));
}

/// By process.
std::vector<Window> windows_of(const Trace& trace, const std::string& range) {
  std::vector<std::optional<Window>> found(trace.processes.size());
  std::optional<Window> first;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const Event event = trace.events[EventId{i}];
    if ((event.kind != EventKind::range && event.kind != EventKind::process_range) || trace.names[event.name] != range)
      continue;
    auto& own = found[trace.lanes[event.lane].process.value];
    if (!own) own = Window{event.start, event.end()};
    if (!first) first = own;
  }
  if (!first) no_such_range(trace, range);
  std::vector<Window> windows;
  for (const auto& own : found) windows.push_back(own.value_or(*first));
  return windows;
}

/// By event: whether it belongs to the windows. An operation whose launch was not recorded was launched before the
/// recording began: beside launched operations of the same stream it is another step's, however late it ran.
std::vector<bool> inside(const Trace& trace, const std::vector<Window>& windows) {
  const auto launched_by = launches(trace);
  std::vector<bool> inside(trace.events.size()), launches_here(trace.lanes.size());
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const LaneId lane = trace.events.lane[i];
    const EventId decides = launched_by[i].value_or(EventId{i});
    inside[i] = windows[trace.lanes[lane].process.value].holds(trace.events.start[decides.value]);
    if (inside[i] && launched_by[i]) launches_here[lane.value] = true;
  }
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (on_gpu(trace.events.kind[i]) && !launched_by[i] && launches_here[trace.events.lane[i].value]) inside[i] = false;
  return inside;
}

/// New id of each event kept, in order; nothing for the others.
std::vector<std::optional<EventId>> keep(const Trace& trace, const std::vector<bool>& inside, Events& kept) {
  std::vector<std::optional<EventId>> place(trace.events.size());
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (inside[i]) place[i] = kept.add(trace.events[EventId{i}]);
  return place;
}

template <class Detail>
std::vector<Detail> kept_details(const std::vector<Detail>& details, const std::vector<std::optional<EventId>>& place) {
  std::vector<Detail> kept;
  for (Detail detail : details)
    if (const auto& event = place[detail.event.value]) {
      detail.event = *event;
      kept.push_back(detail);
    }
  return kept;
}

}  // namespace

Trace cut_step(const Trace& trace, const std::string& range) {
  const std::vector<Window> windows = windows_of(trace, range);
  Trace out;
  out.sources = trace.sources;
  out.notes = trace.notes;
  out.devices = trace.devices;
  for (std::uint32_t i = 0; i < trace.names.size(); ++i) out.names.intern(trace.names[NameId{i}]);
  out.processes = trace.processes;
  out.lanes = trace.lanes;
  const auto place = keep(trace, inside(trace, windows), out.events);
  out.operators = kept_details(trace.operators, place);
  out.copies = kept_details(trace.copies, place);
  out.collectives = kept_details(trace.collectives, place);
  out.syncs = trace.syncs;
  for (const MemoryEvent& event : trace.memory)
    if (windows[event.process.value].holds(event.time)) out.memory.push_back(event);
  out.records = trace.records;
  out.dropped = trace.dropped;
  return out;
}

}  // namespace bigmac
