#include "bigmac/profiler/causes.h"

#include <algorithm>
#include <map>
#include <optional>
#include <tuple>

namespace bigmac {
namespace {

Cause cause_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::host: return Cause::host_work;
    case NodeKind::hand_over: return Cause::hand_over;
    case NodeKind::wait: return Cause::synchronise;
    case NodeKind::collective: return Cause::communication;
    case NodeKind::copy:
    case NodeKind::set: return Cause::copy;
    case NodeKind::pause: return Cause::pause;
    default: return Cause::kernel;
  }
}

/// The input whose arrival let the node start, and that arrival.
struct Binding {
  std::uint32_t from = 0;
  Nanoseconds latency;
};

class Walk {
 public:
  Walk(const ReplayGraph& graph, const SlotCosts& costs, const ReplayTiming& timing)
      : graph_(graph), costs_(costs), timing_(timing) {}

  std::optional<Binding> binding(std::uint32_t node) const {
    std::optional<Binding> best;
    Nanoseconds latest{-1};
    for (std::uint32_t e = graph_.first_edge[node]; e < graph_.first_edge[node + 1]; ++e) {
      const ReplayEdge& edge = graph_.edges[e];
      const Nanoseconds latency = edge.kind == EdgeKind::lane ? Nanoseconds{0} : costs_.slots[edge.from].transfer;
      const Nanoseconds arrival = timing_.end[edge.from] + latency;
      if (arrival <= latest) continue;
      latest = arrival;
      best = {edge.from, latency};
    }
    return best;
  }

  /// Back from the moment `to` at which `node` had got, until `from`: calls take(cause, node, from, to) for each
  /// stretch.
  template <class Take>
  void back(std::uint32_t node, Nanoseconds from, Nanoseconds to, Take take) const {
    for (;;) {
      to = stretch(node, from, to, take);
      if (to <= from) return;
      const auto input = binding(node);
      if (!input) {
        give(Cause::begin, node, from, to, take);
        return;
      }
      const Nanoseconds launched = to - input->latency;
      to = give(Cause::launch, node, std::max(from, launched), to, take);
      if (to <= from) return;
      node = input->from;
    }
  }

 private:
  template <class Take>
  static Nanoseconds give(Cause cause, std::uint32_t node, Nanoseconds from, Nanoseconds to, Take& take) {
    if (from < to) take(cause, node, from, to);
    return std::min(from, to);
  }

  /// The node's own time before `to`, its gap apart; returns where it began.
  template <class Take>
  Nanoseconds stretch(std::uint32_t node, Nanoseconds from, Nanoseconds to, Take& take) const {
    const ReplayNode& what = graph_.nodes[node];
    const Nanoseconds gap = std::min(what.gap, costs_.slots[node].duration);
    const Nanoseconds worked_until = timing_.end[node] - gap;
    to = give(Cause::gap, node, std::max({from, worked_until, timing_.start[node]}), to, take);
    // A lane's first node stands for the time before the recording knew the lane.
    const bool first = graph_.first_edge[node] == graph_.first_edge[node + 1];
    return give(first ? Cause::begin : cause_of(what.kind), node, std::max(from, timing_.start[node]), to, take);
  }

  const ReplayGraph& graph_;
  const SlotCosts& costs_;
  const ReplayTiming& timing_;
};

/// A GPU operation in a replay.
struct Busy {
  Nanoseconds start, end;
  std::uint32_t node;
};

using GpuKey = std::pair<std::uint32_t, std::int64_t>;

std::map<GpuKey, std::vector<Busy>> busy_by_gpu(const Trace& trace, const ReplayGraph& graph,
                                                const ReplayTiming& timing) {
  std::map<GpuKey, std::vector<Busy>> gpus;
  for (std::uint32_t node = 0; node < graph.nodes.size(); ++node) {
    const ReplayNode& what = graph.nodes[node];
    if (!on_gpu(what.kind)) continue;
    const Lane& lane = trace.lanes[what.lane];
    const Nanoseconds end = std::max(timing.start[node], timing.end[node] - what.gap);
    gpus[{lane.process.value, lane.device}].push_back({timing.start[node], end, node});
  }
  for (auto& [key, busy] : gpus)
    std::sort(busy.begin(), busy.end(),
              [](const Busy& a, const Busy& b) { return std::tie(a.start, a.node) < std::tie(b.start, b.node); });
  return gpus;
}

}  // namespace

const char* name_of(Cause cause) {
  constexpr const char* kNames[kCauses] = {
      "host work",     "hand-over", "after synchronising",  "launch latency", "kernels",
      "communication", "copies",    "gaps between kernels", "pauses kept",    "before it began",
      "nothing left"};
  return kNames[static_cast<std::size_t>(cause)];
}

CriticalPath critical_path(const Trace& trace, const ReplayGraph& graph, const SlotCosts& costs,
                           const ReplayTiming& timing) {
  CriticalPath path;
  std::uint32_t last = 0;
  const auto end = [&](std::uint32_t node) { return timing.end[node] - graph.nodes[node].gap; };
  for (std::uint32_t node = 0; node < graph.nodes.size(); ++node)
    if (end(node) > end(last)) last = node;
  std::map<std::uint32_t, NamedTime> by_name;
  std::optional<std::uint32_t> counted;
  Walk(graph, costs, timing)
      .back(last, Nanoseconds{0}, end(last), [&](Cause cause, std::uint32_t node, Nanoseconds from, Nanoseconds to) {
        path.times[static_cast<std::size_t>(cause)] += to - from;
        path.nodes += counted != node;
        counted = node;
        if (cause != Cause::kernel && cause != Cause::communication && cause != Cause::copy) return;
        if (!graph.nodes[node].event) return;
        const NameId name = trace.events.name[graph.nodes[node].event->value];
        NamedTime& entry = by_name[name.value];
        entry.name = name;
        entry.time += to - from;
        ++entry.operations;
      });
  for (const auto& [name, entry] : by_name) path.operations.push_back(entry);
  std::stable_sort(path.operations.begin(), path.operations.end(),
                   [](const NamedTime& a, const NamedTime& b) { return a.time > b.time; });
  return path;
}

std::vector<GpuIdle> idle_by_cause(const Trace& trace, const ReplayGraph& graph, const SlotCosts& costs,
                                   const ReplayTiming& timing) {
  std::vector<GpuIdle> result;
  const Walk walk(graph, costs, timing);
  for (const auto& [key, busy] : busy_by_gpu(trace, graph, timing)) {
    GpuIdle gpu{ProcessId{key.first}, key.second, {}, {}};
    Nanoseconds until{0};
    for (const Busy& operation : busy) {
      if (operation.start > until)
        walk.back(operation.node, until, operation.start,
                  [&](Cause cause, std::uint32_t, Nanoseconds from, Nanoseconds to) {
                    gpu.idle[static_cast<std::size_t>(cause)] += to - from;
                  });
      if (operation.end <= until) continue;
      gpu.busy += operation.end - std::max(until, operation.start);
      until = operation.end;
    }
    gpu.idle[static_cast<std::size_t>(Cause::ended)] += timing.length - until;
    result.push_back(gpu);
  }
  return result;
}

}  // namespace bigmac
