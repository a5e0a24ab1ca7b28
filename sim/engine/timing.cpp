#include "bigmac/engine/timing.h"

#include <algorithm>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

Nanoseconds part_duration(Nanoseconds whole, const PartSlot& part) {
  // floor(c(k+1)/n) - floor(ck/n) without overflow: c = qn + r.
  const std::int64_t n = part.parts, k = part.part, quotient = whole.value / n, rest = whole.value % n;
  return Nanoseconds{quotient + rest * (k + 1) / n - rest * k / n};
}

// A table beyond the second-level cache is fetched this many tasks ahead.
constexpr std::size_t kAhead = 96;
constexpr std::size_t kNearTableBytes = std::size_t{1} << 19;

template <bool kFarTable>
Nanoseconds recur(const std::vector<Task>& tasks, const SlotCost* slots, TaskTime* times) {
  times[0] = {};
  Nanoseconds latest{0};
  const std::size_t last = tasks.size() - 1;
  for (std::size_t i = 1; i < tasks.size(); ++i) {
    if constexpr (kFarTable) __builtin_prefetch(slots + tasks[std::min(i + kAhead, last)].slot);
    const Task task = tasks[i];
    const SlotCost cost = slots[task.slot];
    const Nanoseconds end = std::max(times[task.previous].end, times[task.input].arrival) + cost.duration;
    times[i] = {end, end + cost.transfer};
    latest = std::max(latest, end);
  }
  return latest;
}

}  // namespace

SlotCosts slot_costs(const TaskGraph& graph, const CostTable& costs) {
  BIGMAC_CHECK(costs.size() == graph.table_slots);
  SlotCosts result;
  result.slots.reserve(graph.slots());
  for (std::size_t i = 0; i < costs.size(); ++i) result.slots.push_back({costs.duration[i], costs.transfer[i]});
  result.slots.push_back({});  // the join
  for (const PartSlot& part : graph.part_slots)
    result.slots.push_back({part_duration(costs.duration[part.slot], part), costs.transfer[part.slot]});
  for (std::size_t i = 0; i < result.slots.size(); ++i) {
    result.any_transfer |= result.slots[i].transfer.value != 0;
    result.any_zero_duration |= result.slots[i].duration.value == 0 && i != graph.join_slot();
  }
  return result;
}

void time_tasks(const TaskGraph& graph, const SlotCosts& costs, Timing& timing) {
  timing.tasks.resize(graph.tasks.size());
  const bool far_table = costs.slots.size() * sizeof(SlotCost) > kNearTableBytes;
  const auto run = far_table ? recur<true> : recur<false>;
  timing.iteration = run(graph.tasks, costs.slots.data(), timing.tasks.data());
}

}  // namespace bigmac
