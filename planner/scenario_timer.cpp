#include "scenario_timer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <tuple>

// The widest vectors of the machine it runs on. Sanitizers cannot run the resolver this needs.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define BIGMAC_WIDEST __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define BIGMAC_WIDEST
#endif

namespace bigmac {
namespace {

// A row each: never overlapping in part, so lanes do not depend on one another.
BIGMAC_WIDEST void step_fixed(const double* previous, const double* input, double duration, double transfer,
                              double* end, double* arrival) {
#pragma GCC ivdep
  for (std::size_t l = 0; l < kLanes; ++l) {
    const double at = std::max(previous[l], input[l]) + duration;
    end[l] = at;
    arrival[l] = at + transfer;
  }
}

BIGMAC_WIDEST void step_slowed(const double* previous, const double* input, double duration, double transfer,
                               const double* slowness, double* end, double* arrival) {
#pragma GCC ivdep
  for (std::size_t l = 0; l < kLanes; ++l) {
    const double at = std::max(previous[l], input[l]) + duration * slowness[l];
    end[l] = at;
    arrival[l] = at + transfer;
  }
}

BIGMAC_WIDEST void step_varying(const double* previous, const double* input, const double* duration,
                                const double* transfer, const double* slowness, double* end, double* arrival) {
#pragma GCC ivdep
  for (std::size_t l = 0; l < kLanes; ++l) {
    const double at = std::max(previous[l], input[l]) + duration[l] * slowness[l];
    end[l] = at;
    arrival[l] = at + transfer[l];
  }
}

// floor(c(k+1)/n) - floor(ck/n), as the engine cuts.
BIGMAC_WIDEST void cut(const double* whole, double part, double parts, double* out) {
  for (std::size_t l = 0; l < kLanes; ++l)
    out[l] = std::floor(whole[l] * (part + 1) / parts) - std::floor(whole[l] * part / parts);
}

std::vector<std::uint16_t> rank_of_tasks(const Schedule& schedule, const TaskGraph& graph) {
  std::vector<std::uint16_t> rank(graph.tasks.size(), 0);
  for (std::uint32_t r = 0; r < schedule.ranks(); ++r)
    for (std::uint32_t i = schedule.first[r]; i < schedule.first[r + 1]; ++i)
      rank[graph.task_of[i]] = static_cast<std::uint16_t>(r);
  return rank;
}

}  // namespace

ScenarioTimer::ScenarioTimer(const Schedule& schedule, const TaskGraph& graph, const SlotCosts& costs,
                             const std::vector<bool>& varies)
    : index_of_slot_(graph.table_slots, -1) {
  for (std::uint32_t slot = 0; slot < graph.table_slots; ++slot)
    if (varies[slot]) {
      index_of_slot_[slot] = static_cast<std::int32_t>(varying_.size());
      varying_.push_back(slot);
    }
  compile(schedule, graph);
  std::map<std::uint32_t, std::pair<std::uint32_t, bool>> known;  // by the graph's slot
  for (std::size_t t = 1; t < graph.tasks.size(); ++t) {
    const auto [at, is_new] = known.try_emplace(graph.tasks[t].slot);
    if (is_new) at->second.first = cost_of(graph, costs, graph.tasks[t].slot, at->second.second);
    std::tie(steps_[t - 1].cost, steps_[t - 1].differs) = at->second;
  }
  part_duration_.resize(parts_.size() * kLanes);
}

// Rows by linear scan: a task's row is free again after its last reader.
void ScenarioTimer::compile(const Schedule& schedule, const TaskGraph& graph) {
  const std::size_t count = graph.tasks.size();
  std::vector<std::uint32_t> last_use(count, 0), row(count, 0), free;
  for (std::uint32_t t = 1; t < count; ++t) last_use[graph.tasks[t].previous] = last_use[graph.tasks[t].input] = t;
  const std::vector<std::uint16_t> rank = rank_of_tasks(schedule, graph);
  std::vector<std::uint32_t> last_task(schedule.ranks(), 0);
  for (std::uint32_t t = 1; t < count; ++t)
    if (graph.tasks[t].slot != graph.join_slot()) last_task[rank[t]] = t;
  for (const std::uint32_t task : last_task) last_use[task] = UINT32_MAX;
  last_use[0] = UINT32_MAX;
  std::uint32_t rows = 1;  // row 0: the origin, all zeros
  const auto release = [&](std::uint32_t task, std::uint32_t now) {
    if (task != 0 && last_use[task] == now) free.push_back(row[task]), last_use[task] = 0;
  };
  for (std::uint32_t t = 1; t < count; ++t) {
    const Task& task = graph.tasks[t];
    release(task.previous, t);
    release(task.input, t);
    if (free.empty()) free.push_back(rows++);
    row[t] = free.back();
    free.pop_back();
    steps_.push_back({row[task.previous], row[task.input], row[t], 0, rank[t], false});
  }
  for (const std::uint32_t task : last_task) last_rows_.push_back(row[task]);
  end_.assign(std::size_t{rows} * kLanes, 0);
  arrival_.assign(std::size_t{rows} * kLanes, 0);
}

std::uint32_t ScenarioTimer::cost_of(const TaskGraph& graph, const SlotCosts& costs, std::uint32_t slot,
                                     bool& differs) {
  PartSlot part{slot, 0, 1};
  if (slot > graph.join_slot()) part = graph.part_slots[slot - graph.join_slot() - 1];
  const bool join = slot == graph.join_slot();
  differs = !join && index_of_slot_[part.slot] >= 0;
  if (differs) {
    parts_.push_back({static_cast<std::uint32_t>(index_of_slot_[part.slot]), part.part, part.parts});
    return static_cast<std::uint32_t>(parts_.size()) - 1;
  }
  const SlotCost& cost = costs.slots[slot];
  fixed_.push_back({static_cast<double>(cost.duration.value), static_cast<double>(cost.transfer.value)});
  return static_cast<std::uint32_t>(fixed_.size()) - 1;
}

void ScenarioTimer::run(const ScenarioBlock& block, double (&iteration)[kLanes]) {
  static constexpr std::array<double, kLanes> ones = [] {
    std::array<double, kLanes> out{};
    out.fill(1);
    return out;
  }();
  for (std::size_t i = 0; i < parts_.size(); ++i)
    cut(&block.duration[parts_[i].varying * kLanes], parts_[i].part, parts_[i].parts, &part_duration_[i * kLanes]);
  for (const Step& step : steps_) {
    const double* previous = &end_[step.previous * kLanes];
    const double* input = &arrival_[step.input * kLanes];
    double *end = &end_[step.out * kLanes], *arrival = &arrival_[step.out * kLanes];
    const double* slowness = block.slowness.empty() ? ones.data() : &block.slowness[step.rank * kLanes];
    if (step.differs) {
      const double* transfer = &block.transfer[parts_[step.cost].varying * kLanes];
      step_varying(previous, input, &part_duration_[step.cost * kLanes], transfer, slowness, end, arrival);
    } else if (block.slowness.empty()) {
      step_fixed(previous, input, fixed_[step.cost].duration, fixed_[step.cost].transfer, end, arrival);
    } else {
      step_slowed(previous, input, fixed_[step.cost].duration, fixed_[step.cost].transfer, slowness, end, arrival);
    }
  }
  std::fill(std::begin(iteration), std::end(iteration), 0.0);
  for (const std::uint32_t row : last_rows_)
    for (std::size_t l = 0; l < kLanes; ++l) iteration[l] = std::max(iteration[l], end_[row * kLanes + l]);
}

}  // namespace bigmac
