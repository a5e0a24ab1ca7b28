// The engine: when every task starts and ends.
//
// Seventh noun of the flow. One pass over the tasks in topological order:
//
//   start(t) = max(end(previous on its rank), end(input) + transfer(input)),  end(t) = start(t) + duration(t)
//
// It knows no schedule and no policy; a lowered graph can be timed again with other costs by handing it other
// slot costs.
#pragma once

#include <vector>

#include "bigmac/base/units.h"
#include "bigmac/cost/cost_table.h"
#include "bigmac/graph/task_graph.h"

namespace bigmac {

/// What one slot costs; together, because a task needs both at once.
struct SlotCost {
  Nanoseconds duration, transfer;
};

/// By slot of a TaskGraph: the cost table's rows, the join, the parts.
struct SlotCosts {
  std::vector<SlotCost> slots;
  bool any_transfer = false;
  bool any_zero_duration = false;  ///< of a table row or part; joins do not count
};

/// Throws nothing; `costs` must have the shape the graph was lowered for.
SlotCosts slot_costs(const TaskGraph& graph, const CostTable& costs);

struct TaskTime {
  Nanoseconds end;      ///< start = end - duration
  Nanoseconds arrival;  ///< when a consumer on another rank may start: end + transfer
};

struct Timing {
  std::vector<TaskTime> tasks;
  Nanoseconds iteration{};  ///< the latest end
};

/// Times the graph into `timing`, reusing its memory.
void time_tasks(const TaskGraph& graph, const SlotCosts& costs, Timing& timing);

/// What lower() and time_tasks() find for one schedule, by operation.
struct OpTimes {
  Nanoseconds start, end;
};
inline OpTimes op_times(const TaskGraph& graph, const SlotCosts& costs, const Timing& timing, std::size_t op) {
  const std::uint32_t task = graph.task_of[op];
  const Nanoseconds end = timing.tasks[task].end;
  return {end - costs.slots[graph.tasks[task].slot].duration, end};
}

}  // namespace bigmac
