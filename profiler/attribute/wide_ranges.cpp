#include "wide_ranges.h"

#include <algorithm>

#include "host_context.h"

namespace bigmac {
namespace {

/// By process: the lane with the most layer ranges.
std::vector<std::uint32_t> main_threads(const Trace& trace, const std::vector<std::uint8_t>& rule_of) {
  std::vector<std::uint32_t> ranges(trace.lanes.size(), 0), main(trace.processes.size(), kNoEvent);
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    ranges[trace.events.lane[i].value] += rule_of[i] != 0 && trace.events.kind[i] != EventKind::process_range;
  for (std::uint32_t lane = 0; lane < ranges.size(); ++lane) {
    std::uint32_t& most = main[trace.lanes[LaneId{lane}].process.value];
    if (ranges[lane] > 0 && (most == kNoEvent || ranges[lane] > ranges[most])) most = lane;
  }
  return main;
}

/// Ranges that are open now; closed ones are dropped when they come to the top.
class Open {
 public:
  explicit Open(const Trace& trace) : trace_(trace) {}
  void add(std::uint32_t event) { stack_.push_back(event); }
  std::uint32_t at(Nanoseconds time) {
    while (!stack_.empty() && trace_.events[EventId{stack_.back()}].end() <= time) stack_.pop_back();
    return stack_.empty() ? kNoEvent : stack_.back();
  }

 private:
  const Trace& trace_;
  std::vector<std::uint32_t> stack_;
};

bool is_range(EventKind kind) { return kind == EventKind::range || kind == EventKind::process_range; }

bool says_backward(std::string_view name) {
  return name.find("backward") != std::string_view::npos || name.find("Backward") != std::string_view::npos;
}

}  // namespace

WideRanges wide_ranges(const Trace& trace, const std::vector<std::uint8_t>& rule_of) {
  WideRanges out{std::vector<std::uint32_t>(trace.events.size(), kNoEvent),
                 std::vector<std::uint32_t>(trace.events.size(), kNoEvent), std::vector<bool>(trace.events.size())};
  const std::vector<std::uint32_t> main = main_threads(trace, rule_of);
  std::vector<Open> process(trace.processes.size(), Open(trace)), thread = process, backward = process;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const std::uint32_t owner = trace.lanes[trace.events.lane[i]].process.value;
    if (rule_of[i] != 0 && trace.events.kind[i] == EventKind::process_range) process[owner].add(i);
    else if (rule_of[i] != 0 && trace.events.lane[i].value == main[owner]) thread[owner].add(i);
    if (is_range(trace.events.kind[i]) && says_backward(trace.names[trace.events.name[i]])) backward[owner].add(i);
    if (trace.events.kind[i] != EventKind::call) continue;
    out.backward[i] = backward[owner].at(trace.events.start[i]) != kNoEvent;
    out.process[i] = process[owner].at(trace.events.start[i]);
    out.main_thread[i] = thread[owner].at(trace.events.start[i]);
  }
  return out;
}

}  // namespace bigmac
