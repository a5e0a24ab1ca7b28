// The dependency graph of a schedule, in an order in which it can be timed.
//
// Sixth noun of the flow. Every task has at most two inputs: the task before it on its rank, and one
// product from another rank. What an operation needs from its own rank is implied by the order of
// that rank; an operation that needs k > 1 products from other ranks is preceded on its rank by k - 1 joins,
// tasks of no duration, which does not change any time (the maximum of a maximum). So the adjacency is a CSR
// whose rows have at most two entries: the row offsets are dropped and each task is 12 bytes.
//
// Tasks are numbered in a topological order that takes one operation of each ready rank in turn: neighbours
// in memory belong to different ranks, so a processor overlaps their recurrences, and inputs lie a
// few tasks back, in the first-level cache.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bigmac/cost/cost_table.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

struct Task {
  std::uint32_t previous = 0;  ///< task before it on its rank; 0: none
  std::uint32_t input = 0;     ///< producer on another rank; 0: none
  std::uint32_t slot = 0;      ///< row of the slot costs (engine/timing.h)
};

/// The cost of one part of an operation that was cut: part k of n lasts floor(c(k+1)/n) - floor(ck/n).
struct PartSlot {
  std::uint32_t slot = 0;
  std::uint16_t part = 0;
  std::uint16_t parts = 1;
};

struct TaskGraph {
  std::vector<Task> tasks;             ///< topological order; task 0 is the origin, at time 0
  std::vector<std::uint32_t> task_of;  ///< by index into Schedule::ops
  std::vector<PartSlot> part_slots;    ///< slots from table size + 1 on; slot == table size is a join
  std::uint32_t table_slots = 0;       ///< rows of the cost table it was lowered for

  std::uint32_t join_slot() const { return table_slots; }
  std::size_t slots() const { return std::size_t{table_slots} + 1 + part_slots.size(); }
};

enum class FaultKind { deadlock, missing, duplicate, misplaced };

/// Why a schedule cannot run. A value: asking is no error.
struct Fault {
  FaultKind kind = FaultKind::deadlock;
  std::string message;             ///< one line
  std::vector<std::string> cycle;  ///< of a deadlock: each operation waits for the next, the last for the first
  std::string grid;                ///< rank x step excerpt around the fault, the fault marked
};

/// Lowers the operation lists. Linear in the operations; a schedule that can never finish, or that
/// lacks or repeats an operation that others need, comes back as a Fault with its cycle.
std::variant<TaskGraph, Fault> lower(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs);

/// Whether every pass of every module, stage and microbatch is there exactly once, with its parts in
/// order on one rank. For schedules from elsewhere; lower() assumes nothing but bounds.
std::optional<Fault> find_incompleteness(const Pipeline& pipeline, const Schedule& schedule);

}  // namespace bigmac
