// The graph while it is being put together: nodes in the order they were made, edges as a list.
#pragma once

#include <cstdint>
#include <vector>

#include "bigmac/profiler/replay.h"
#include "host_blocks.h"
#include "waits.h"

namespace bigmac {

inline constexpr std::uint32_t kNoNode = UINT32_MAX;

struct DraftEdge {
  std::uint32_t to, from;
  EdgeKind kind;
};

struct Draft {
  const Trace& trace;
  const std::vector<std::optional<EventId>>& launched_by;
  Nanoseconds origin;
  std::vector<ReplayLatencies> latencies;
  std::vector<ReplayNode> nodes;
  std::vector<DraftEdge> edges;
  std::vector<std::uint32_t> node_of;  ///< by event: of a GPU operation, or the point where a call begins; or kNoNode
  std::uint64_t kept_pauses = 0;
  Nanoseconds kept_pause_time;

  std::uint32_t add(const ReplayNode& node) {
    nodes.push_back(node);
    return static_cast<std::uint32_t>(nodes.size() - 1);
  }
  void connect(std::uint32_t from, std::uint32_t to, EdgeKind kind) { edges.push_back({to, from, kind}); }
  /// After the origin.
  Nanoseconds start(EventId event) const { return trace.events.start[event.value] - origin; }
  Nanoseconds end(EventId event) const { return trace.events[event].end() - origin; }
  const ReplayLatencies& latencies_of(LaneId lane) const { return latencies[trace.lanes[lane].process.value]; }
  /// What follows a GPU operation on its stream before the next may start.
  Nanoseconds gap(EventId operation) const {
    const Event event = trace.events[operation];
    return latencies_of(event.lane).gap[static_cast<std::size_t>(event.kind)];
  }
};

/// A blocking call whose GPU operations are not nodes yet.
struct OpenWait {
  std::uint32_t node = 0;
  Nanoseconds begin;         ///< of the call
  Nanoseconds worked_until;  ///< the thread's last point before the call returned
  const HostWait* wait = nullptr;
};

/// The threads: points where blocks begin and end, where calls launch, and waits.
std::vector<OpenWait> add_host_nodes(Draft& draft, const Waits& waits);

/// The streams. Needs the host nodes.
void add_gpu_nodes(Draft& draft, const Waits& waits);

/// Makes each wait last what it took after its operations had ended.
void close_waits(Draft& draft, const std::vector<OpenWait>& open);

/// Orders the nodes, drops edges that contradict the recorded times, and lowers to tasks of two inputs.
ReplayGraph lower_replay(Draft&& draft);

}  // namespace bigmac
