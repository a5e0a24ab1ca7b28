#include "bigmac/profiler/memory.h"

#include <algorithm>
#include <map>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMaxSum = std::int64_t{1} << 62;

struct Step {
  std::string name;
  ProcessId process;
  Nanoseconds start, end;
};

std::vector<Step> steps_of(const Trace& trace) {
  std::vector<Step> steps;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const Event event = trace.events[EventId{i}];
    const std::string_view name = trace.names[event.name];
    if (event.kind != EventKind::range || !name.starts_with("ProfilerStep#")) continue;
    steps.push_back({std::string(name), trace.lanes[event.lane].process, event.start, event.end()});
  }
  if (!steps.empty()) return steps;
  for (std::uint32_t p = 0; p < trace.processes.size(); ++p)
    steps.push_back({"whole recording", ProcessId{p}, Nanoseconds{INT64_MIN}, Nanoseconds{INT64_MAX}});
  return steps;
}

/// Over the events of each device that lie in [start, end).
void measure(const Trace& trace, const Step& step, std::vector<MemoryStretch>& out) {
  const auto first = std::partition_point(trace.memory.begin(), trace.memory.end(),
                                          [&](const MemoryEvent& event) { return event.time < step.start; });
  std::map<std::int64_t, MemoryStretch> by_device;
  for (auto event = first; event != trace.memory.end() && event->time < step.end; ++event) {
    if (event->process != step.process) continue;
    MemoryStretch& stretch = by_device[event->device];
    stretch.net += event->bytes;
    if (stretch.net.value > kMaxSum || stretch.net.value < -kMaxSum)
      bad_input(trace.sources.empty() ? "" : trace.sources.front(),
                "memory events that add up to more than 2^62 bytes");
    stretch.peak = std::max(stretch.peak, stretch.net);
    ++stretch.events;
  }
  for (auto& [device, stretch] : by_device) {
    stretch.name = step.name;
    stretch.process = step.process;
    stretch.device = device;
    out.push_back(stretch);
  }
}

}  // namespace

std::vector<MemoryStretch> memory_by_step(const Trace& trace) {
  std::vector<MemoryStretch> stretches;
  for (const Step& step : steps_of(trace)) measure(trace, step, stretches);
  return stretches;
}

std::size_t memory_mismatches(const Trace& trace) {
  std::map<std::pair<std::uint32_t, std::int64_t>, Bytes> totals;
  std::size_t mismatches = 0;
  for (const MemoryEvent& event : trace.memory) {
    if (!event.allocated) continue;
    const auto [total, is_first] = totals.try_emplace({event.process.value, event.device}, *event.allocated);
    if (!is_first && *event.allocated - total->second != event.bytes) ++mismatches;
    total->second = *event.allocated;
  }
  return mismatches;
}

}  // namespace bigmac
