#include "bigmac/profiler/collectives.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "bigmac/profiler/kernel_class.h"

namespace bigmac {
namespace {

constexpr Nanoseconds kTogether{1'000'000};

/// What the ranks of one collective agree on.
struct CollectiveKey {
  std::string_view name, group;
  std::int64_t sequence = -1;
  friend auto operator<=>(const CollectiveKey&, const CollectiveKey&) = default;
};

using ByProcess = std::map<std::uint32_t, std::vector<EventId>>;

std::map<CollectiveKey, ByProcess> collect(const Trace& trace) {
  std::unordered_map<std::uint32_t, const CollectiveDetail*> details;
  for (const CollectiveDetail& detail : trace.collectives) details[detail.event.value] = &detail;
  std::map<CollectiveKey, ByProcess> found;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    if (trace.events.kind[i] != EventKind::kernel) continue;
    const std::string_view name = trace.names[trace.events.name[i]];
    if (class_of(name) != KernelClass::communication) continue;
    CollectiveKey key{name, "", -1};
    if (const auto detail = details.find(i); detail != details.end())
      key = {trace.names[detail->second->collective], trace.names[detail->second->group], detail->second->sequence};
    found[key][trace.lanes[trace.events.lane[i]].process.value].push_back(EventId{i});
  }
  return found;
}

Nanoseconds median(std::vector<Nanoseconds>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// A sequence number occurs once a process; where it is used again, the n-th belongs to the n-th.
void match_by_order(const ByProcess& by_process, std::vector<std::vector<EventId>>& matched) {
  const std::size_t count = by_process.begin()->second.size();
  for (const auto& [process, events] : by_process)
    if (events.size() != count) return;
  for (std::size_t i = 0; i < count; ++i) {
    auto& members = matched.emplace_back();
    for (const auto& [process, events] : by_process) members.push_back(events[i]);
  }
}

/// How far a process's clock seems to run ahead, if its collectives and the first process's correspond one to one.
Nanoseconds rough_offset(const Trace& trace, const std::vector<EventId>& first, const std::vector<EventId>& other) {
  if (first.size() != other.size()) return Nanoseconds{0};
  std::vector<Nanoseconds> differences;
  for (std::size_t i = 0; i < first.size(); ++i)
    differences.push_back(trace.events[other[i]].end() - trace.events[first[i]].end());
  return median(differences);
}

/// The next of `events` from `at` on that ends together with `end`; both lists are in order of time.
std::optional<EventId> ends_together(const Trace& trace, const std::vector<EventId>& events, std::size_t& at,
                                     Nanoseconds end) {
  while (at < events.size() && trace.events[events[at]].end() < end - kTogether) ++at;
  if (at == events.size() || trace.events[events[at]].end() > end + kTogether) return std::nullopt;
  return events[at++];
}

/// Recordings may lack some of the collectives, so order is not enough: what ends together belongs together.
void match_by_end(const Trace& trace, const ByProcess& by_process, std::vector<std::vector<EventId>>& matched) {
  const std::vector<EventId>& first = by_process.begin()->second;
  std::vector<std::vector<EventId>> groups;
  for (const EventId event : first) groups.push_back({event});
  for (auto other = std::next(by_process.begin()); other != by_process.end(); ++other) {
    const Nanoseconds offset = rough_offset(trace, first, other->second);
    std::size_t at = 0;
    for (auto& group : groups)
      if (const auto member = ends_together(trace, other->second, at, trace.events[group.front()].end() + offset))
        group.push_back(*member);
  }
  for (auto& group : groups)
    if (group.size() > 1) matched.push_back(std::move(group));
}

}  // namespace

std::vector<std::vector<EventId>> match_collectives(const Trace& trace) {
  std::vector<std::vector<EventId>> matched;
  if (trace.processes.size() < 2) return matched;
  for (const auto& [key, by_process] : collect(trace)) {
    if (by_process.size() < 2) continue;
    if (key.sequence >= 0) match_by_order(by_process, matched);
    else match_by_end(trace, by_process, matched);
  }
  return matched;
}

std::vector<std::optional<Nanoseconds>> clock_offsets(const Trace& trace) {
  std::vector<std::vector<Nanoseconds>> differences(trace.processes.size());
  const auto process = [&](EventId event) { return trace.lanes[trace.events.lane[event.value]].process.value; };
  for (const auto& members : match_collectives(trace)) {
    if (process(members.front()) != 0) continue;
    for (const EventId member : members)
      differences[process(member)].push_back(trace.events[member].end() - trace.events[members.front()].end());
  }
  std::vector<std::optional<Nanoseconds>> offsets;
  for (auto& of_process : differences) {
    offsets.emplace_back();
    if (!of_process.empty()) offsets.back() = median(of_process);
  }
  if (!offsets.empty()) offsets.front() = Nanoseconds{0};
  return offsets;
}

void align_clocks(Trace& trace, const std::vector<std::optional<Nanoseconds>>& offsets) {
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (const auto& offset = offsets[trace.lanes[trace.events.lane[i]].process.value]) trace.events.start[i] -= *offset;
  for (MemoryEvent& event : trace.memory)
    if (const auto& offset = offsets[event.process.value]) event.time -= *offset;
  sort_events(trace);
}

}  // namespace bigmac
