#include <algorithm>
#include <map>
#include <tuple>
#include <unordered_map>

#include "bigmac/profiler/kernel_class.h"
#include "draft.h"

namespace bigmac {
namespace {

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

}  // namespace

std::vector<std::vector<EventId>> match_collectives(const Trace& trace) {
  std::vector<std::vector<EventId>> matched;
  if (trace.processes.size() < 2) return matched;
  for (const auto& [key, by_process] : collect(trace)) {
    const std::size_t count = by_process.begin()->second.size();
    const bool agree = std::all_of(by_process.begin(), by_process.end(),
                                   [&](const auto& entry) { return entry.second.size() == count; });
    if (by_process.size() < 2 || !agree) continue;
    for (std::size_t i = 0; i < count; ++i) {
      auto& members = matched.emplace_back();
      for (const auto& [process, events] : by_process) members.push_back(events[i]);
    }
  }
  return matched;
}

}  // namespace bigmac
