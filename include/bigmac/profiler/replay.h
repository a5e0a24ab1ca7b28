// A recorded step as a dependency graph, timed again on the engine.
//
//   Trace ──> ReplayGraph ──> time_tasks() ──> self-replay error, what-if, critical path, idle time by cause
//
// After Lumos (MLSys 2025, section 3) and dPRO (MLSys 2022). Nodes are stretches of a CPU thread and operations of a
// GPU stream. Edges:
//
//   thread order    a thread's own work between two calls takes as long as recorded, gaps included
//   hand-over       a thread that idles until another stops (autograd's thread and the main thread) starts after it
//   launch          a GPU operation starts no sooner than its launch began, plus the recording's launch latency
//   stream order    ... nor before the operation before it on its stream has ended, plus the recording's gap between
//   kernels event wait      ... nor before what cudaStreamWaitEvent made its stream wait for synchronise     a blocking
//   call returns after what it waits for, plus what it took afterwards collective      (several ranks) all ranks end
//   when the last has arrived, plus the transfer: the least duration over the ranks
//
// Example, one thread and one stream; host H, launches at | :      H ----|--|------------ sync ==|--
//                                                                   S       [k1 ][k2      ]
// k1 starts at its launch + latency, k2 at the end of k1, the thread goes on at the end of k2.
//
// Start times are computed, never read. Kept from the recording are the durations of kernels and of host work, a few
// latencies (medians over the recording), the moment at which each thread and each stream begins, and the delay of
// hand-overs. Operations whose launch lies before the recording keep the pause before them (`kept_pauses`).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bigmac/engine/timing.h"
#include "bigmac/graph/task_graph.h"
#include "bigmac/profiler/trace.h"

namespace bigmac {

enum class NodeKind : std::uint8_t {
  host,        ///< a thread works, up to a point that others depend on
  wait,        ///< what a blocking call takes once it is released
  hand_over,   ///< from another thread's end to this one's start
  arrival,     ///< a rank reaches a collective
  kernel,      ///< GPU operations
  collective,  ///< a communication kernel
  copy,
  set,
  pause,  ///< before an operation whose launch was not recorded
};
inline constexpr std::size_t kNodeKinds = 9;
const char* name_of(NodeKind kind);
constexpr bool on_gpu(NodeKind kind) { return kind >= NodeKind::kernel && kind <= NodeKind::set; }

enum class EdgeKind : std::uint8_t { lane, hand_over, launch, event_wait, inferred_wait, synchronise, collective };
inline constexpr std::size_t kEdgeKinds = 7;
const char* name_of(EdgeKind kind);

struct ReplayEdge {
  std::uint32_t from = 0;  ///< node
  EdgeKind kind = EdgeKind::lane;
};

struct ReplayNode {
  NodeKind kind = NodeKind::host;
  LaneId lane;
  std::optional<EventId> event;  ///< of a GPU operation or a call
  Nanoseconds recorded_end;      ///< after the recording's first moment; without the gap
  Nanoseconds duration;          ///< of the engine's task: kernels carry the gap that follows them
  Nanoseconds latency;           ///< until an operation that it launches may start
  Nanoseconds gap;               ///< the part of the duration in which a GPU operation has ended
};

/// Latencies of one recording: medians over the operations that show them.
struct ReplayLatencies {
  Nanoseconds launch[3];  ///< start of the launching call to start of a kernel, copy, set on an idle stream
  Nanoseconds gap[3];     ///< end of a kernel, copy, set to the start of what was queued behind it
};

struct ReplayGraph {
  Nanoseconds origin;                      ///< the recording's first moment
  Nanoseconds recorded;                    ///< length of the recording
  std::vector<ReplayNode> nodes;           ///< topological
  std::vector<std::uint32_t> first_edge;   ///< by node, size + 1 offsets into edges
  std::vector<ReplayEdge> edges;           ///< inputs; the lane's own comes first
  TaskGraph tasks;                         ///< what the engine times: nodes and joins
  std::vector<std::uint32_t> task_of;      ///< by node
  std::vector<ReplayLatencies> latencies;  ///< by process
  std::uint64_t edge_counts[kEdgeKinds] = {};
  std::uint64_t kept_pauses = 0;  ///< operations without a launch record
  Nanoseconds kept_pause_time;
  std::uint64_t dropped_edges = 0;  ///< that contradict the recorded times
};

/// Throws Error{bad_input} where nothing can be replayed: no GPU operation.
ReplayGraph build_replay(const Trace& trace);

/// What each slot of graph.tasks costs: slot n is node n, the one behind them is the join.
SlotCosts replay_costs(const ReplayGraph& graph);

struct ReplayTiming {
  std::vector<Nanoseconds> start, end;  ///< by node; the gap after a GPU operation included
  Nanoseconds length;
};
ReplayTiming time_replay(const ReplayGraph& graph, const SlotCosts& costs);

/// How well the recording replays itself.
struct SelfReplay {
  Nanoseconds recorded, replayed;
  double error = 0;            ///< |replayed / recorded - 1|
  double placement_error = 0;  ///< mean |replayed start - recorded start| of GPU operations, in recordings' lengths
};
SelfReplay self_replay(const Trace& trace, const ReplayGraph& graph, const ReplayTiming& timing);

}  // namespace bigmac
