#include "launch_order.h"

#include <algorithm>

namespace bigmac {

LaunchOrder::LaunchOrder(const Trace& trace, const std::vector<std::optional<EventId>>& launched_by)
    : by_lane_(trace.lanes.size()), streams_(trace.processes.size()) {
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    if (!on_gpu(trace.events.kind[i])) continue;
    const EventId call = launched_by[i].value_or(EventId{i});
    by_lane_[trace.events.lane[i].value].push_back({trace.events.start[call.value], EventId{i}});
  }
  for (std::uint32_t lane = 0; lane < by_lane_.size(); ++lane) {
    auto& launched = by_lane_[lane];
    std::stable_sort(launched.begin(), launched.end(),
                     [](const Launched& a, const Launched& b) { return a.launch < b.launch; });
    if (launched.empty()) continue;
    const Lane& stream = trace.lanes[LaneId{lane}];
    streams_[stream.process.value].push_back(LaneId{lane});
    by_number_.try_emplace({stream.process.value, stream.number, stream.device}, LaneId{lane});
  }
}

std::optional<EventId> LaunchOrder::last_before(LaneId stream, Nanoseconds time) const {
  const auto& launched = by_lane_[stream.value];
  const auto after =
      std::partition_point(launched.begin(), launched.end(), [&](const Launched& l) { return l.launch < time; });
  if (after == launched.begin()) return std::nullopt;
  return std::prev(after)->operation;
}

std::optional<EventId> LaunchOrder::first_after(LaneId stream, Nanoseconds time) const {
  const auto& launched = by_lane_[stream.value];
  const auto after =
      std::partition_point(launched.begin(), launched.end(), [&](const Launched& l) { return l.launch < time; });
  if (after == launched.end()) return std::nullopt;
  return after->operation;
}

std::optional<LaneId> LaunchOrder::stream(ProcessId process, std::optional<std::int64_t> device,
                                          std::int64_t number) const {
  const auto found = by_number_.lower_bound({process.value, number, device.value_or(INT64_MIN)});
  if (found == by_number_.end()) return std::nullopt;
  const auto& [its_process, its_number, its_device] = found->first;
  if (its_process != process.value || its_number != number || (device && its_device != *device)) return std::nullopt;
  return found->second;
}

}  // namespace bigmac
