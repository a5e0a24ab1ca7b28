// One lowered schedule timed under many costs at once. Private to the planner.
//
// The engine's recurrence over a block of scenarios: every task has a row of kLanes times, so that the inner loop runs
// over scenarios, without a branch. Only what an encoder or generator costs differs between scenarios, and how fast
// each rank is; the rest is one number a task. Rows are reused once nobody reads them any more, as registers are
// (Poletto and Sarkar 1999, linear scan), so a block stays in the second-level cache.
//
// Times are doubles that hold whole nanoseconds: sums below 2^53 ns (104 days) are exact, and equal the engine's int64.
#pragma once

#include <cstdint>
#include <vector>

#include "bigmac/engine/timing.h"

namespace bigmac {

inline constexpr std::size_t kLanes = 32;
using Lanes = double[kLanes];

/// What one block of scenarios costs.
struct ScenarioBlock {
  std::vector<double> duration, transfer;  ///< [varying slot][lane]
  std::vector<double> slowness;            ///< [rank][lane], multiplies durations; empty: 1
};

class ScenarioTimer {
 public:
  /// `varies[slot]`: whether the cost table's row differs between scenarios. What does not is taken from `costs`.
  ScenarioTimer(const Schedule& schedule, const TaskGraph& graph, const SlotCosts& costs,
                const std::vector<bool>& varies);

  /// The table's rows that differ, in the order of ScenarioBlock's first index.
  const std::vector<std::uint32_t>& varying() const { return varying_; }
  /// Iteration time of each scenario of the block.
  void run(const ScenarioBlock& block, double (&iteration)[kLanes]);

 private:
  struct Step {
    std::uint32_t previous, input, out;  // rows
    std::uint32_t cost;                  // index of fixed_ or, where it differs, of the parts
    std::uint16_t rank;
    bool differs;
  };
  struct Cost {
    double duration = 0, transfer = 0;
  };
  struct Part {
    std::uint32_t varying;  // index into varying_
    std::uint16_t part, parts;
  };

  void compile(const Schedule& schedule, const TaskGraph& graph);
  std::uint32_t cost_of(const TaskGraph& graph, const SlotCosts& costs, std::uint32_t slot, bool& differs);

  std::vector<Step> steps_;
  std::vector<std::uint32_t> varying_;
  std::vector<std::int32_t> index_of_slot_;  // by table row: index into varying_, or -1
  std::vector<Cost> fixed_;
  std::vector<Part> parts_;
  std::vector<std::uint32_t> last_rows_;  // rows of each rank's last task
  std::vector<double> end_, arrival_, part_duration_;
};

}  // namespace bigmac
