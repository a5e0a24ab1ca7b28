#include "bigmac/profiler/replay.h"

#include <algorithm>
#include <cmath>

#include "bigmac/base/error.h"
#include "bigmac/profiler/joins.h"
#include "draft.h"
#include "latencies.h"

namespace bigmac {
namespace {

bool takes_part(EventKind kind) { return on_gpu(kind) || kind == EventKind::call || kind == EventKind::operation; }

/// The first moment that the graph holds.
Nanoseconds first_moment(const Trace& trace) {
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (takes_part(trace.events.kind[i])) return trace.events.start[i];
  return Nanoseconds{0};
}

void check_replayable(const Trace& trace) {
  const std::string where = trace.sources.empty() ? "" : trace.sources.front();
  Nanoseconds last{INT64_MIN};
  std::size_t operations = 0;
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    operations += on_gpu(trace.events.kind[i]);
    if (takes_part(trace.events.kind[i])) last = std::max(last, trace.events[EventId{i}].end());
  }
  if (operations == 0) bad_input(where, "no GPU operation to replay; expected kernels, copies or memory sets");
  if (last.value / 2 - first_moment(trace).value / 2 > kMaxCost.value)
    bad_input(where, "the recording is longer than 23 days; its clocks are wrong");
}

}  // namespace

const char* name_of(NodeKind kind) {
  constexpr const char* kNames[kNodeKinds] = {"host",       "wait", "hand-over", "arrival", "kernel",
                                              "collective", "copy", "set",       "pause"};
  return kNames[static_cast<std::size_t>(kind)];
}

const char* name_of(EdgeKind kind) {
  constexpr const char* kNames[kEdgeKinds] = {"lane order",    "hand-over",   "launch",    "event wait",
                                              "inferred wait", "synchronise", "collective"};
  return kNames[static_cast<std::size_t>(kind)];
}

ReplayGraph build_replay(const Trace& trace) {
  check_replayable(trace);
  const auto launched_by = launches(trace);
  const Waits waits = find_waits(trace, launched_by);
  Draft draft{trace, launched_by, first_moment(trace), measure_latencies(trace, launched_by, waits), {}, {}, {}, 0, {}};
  draft.node_of.assign(trace.events.size(), kNoNode);
  const std::vector<OpenWait> open = add_host_nodes(draft, waits);
  add_gpu_nodes(draft, waits);
  close_waits(draft, open);
  return lower_replay(std::move(draft));
}

SlotCosts replay_costs(const ReplayGraph& graph) {
  SlotCosts costs;
  costs.slots.reserve(graph.nodes.size() + 1);
  for (const ReplayNode& node : graph.nodes) costs.slots.push_back({node.duration, node.latency});
  costs.slots.push_back({});
  costs.any_transfer = true;
  costs.any_zero_duration = true;
  return costs;
}

ReplayTiming time_replay(const ReplayGraph& graph, const SlotCosts& costs) {
  Timing timing;
  time_tasks(graph.tasks, costs, timing);
  ReplayTiming result;
  for (std::uint32_t node = 0; node < graph.nodes.size(); ++node) {
    const Nanoseconds end = timing.tasks[graph.task_of[node]].end;
    result.start.push_back(end - costs.slots[node].duration);
    result.end.push_back(end);
    result.length = std::max(result.length, end - graph.nodes[node].gap);
  }
  return result;
}

SelfReplay self_replay(const Trace& trace, const ReplayGraph& graph, const ReplayTiming& timing) {
  SelfReplay result{graph.recorded, timing.length};
  double off = 0;
  std::size_t operations = 0;
  for (std::uint32_t node = 0; node < graph.nodes.size(); ++node) {
    if (!on_gpu(graph.nodes[node].kind)) continue;
    const Nanoseconds recorded = trace.events.start[graph.nodes[node].event->value] - graph.origin;
    off += std::abs(static_cast<double>((timing.start[node] - recorded).value));
    ++operations;
  }
  const double length = std::max(1.0, static_cast<double>(graph.recorded.value));
  result.error = std::abs(static_cast<double>(timing.length.value) / length - 1);
  result.placement_error = off / static_cast<double>(std::max<std::size_t>(operations, 1)) / length;
  return result;
}

}  // namespace bigmac
