#include "bigmac/memory/activations.h"

#include <algorithm>

namespace bigmac {
namespace {

/// Follows one rank through its operations and keeps what is held.
class RankWalk {
 public:
  RankWalk(const Pipeline& pipeline, const CostTable& costs) : costs_(costs) {
    for (std::size_t m = 0; m < pipeline.modules.size(); ++m)
      role_[m] = static_cast<std::uint8_t>(pipeline.modules.items[m].role),
      frozen_[m] = !pipeline.modules.items[m].backward;
  }

  /// F takes its activation bytes; true when it did.
  bool allocate(const Op& op) {
    if (op.kind != OpKind::forward || op.part > 0) return false;
    change(op, 1);
    return true;
  }
  /// The last operation of a pass gives them back: B, or W where the backward is split, or F of a frozen module.
  void release(const Op& op) {
    const bool ends = op.kind == OpKind::backward || op.kind == OpKind::weight_gradient ||
                      (op.kind == OpKind::forward && frozen_[op.module.value]);
    if (ends && op.part + 1 == op.parts) change(op, -1);
  }
  /// What is held now lasts for some time.
  void observe_kept() {
    peak_ = std::max(peak_, total_);
    for (std::size_t role = 0; role < kRoles; ++role) most_live_[role] = std::max(most_live_[role], live_[role]);
  }
  void observe_running(std::uint32_t index, Bytes transient) {
    if (total_ + transient.value <= peak_running_) return;
    peak_running_ = total_ + transient.value;
    peak_op_ = index;
    kept_at_peak_ = kept_;
    transient_at_peak_ = transient;
  }
  const std::array<Bytes, kRoles>& kept() const { return kept_; }

  RankActivations result(Nanoseconds busy) const {
    return {
        Bytes{peak_}, Bytes{std::max(peak_, peak_running_)}, peak_op_, kept_at_peak_, transient_at_peak_, most_live_,
        busy};
  }

 private:
  void change(const Op& op, int sign) {
    const std::int64_t bytes =
        costs_.activation[costs_.slot(op.module, OpKind::forward, op.stage, op.microbatch)].value;
    const std::size_t role = role_[op.module.value];
    kept_[role].value += sign * bytes;
    total_ += sign * bytes;
    live_[role] += static_cast<std::uint32_t>(sign);
  }

  const CostTable& costs_;
  std::array<std::uint8_t, kMaxModules> role_{};
  std::array<bool, kMaxModules> frozen_{};
  std::array<Bytes, kRoles> kept_{}, kept_at_peak_{};
  std::array<std::uint32_t, kRoles> live_{}, most_live_{};
  std::int64_t total_ = 0, peak_ = 0, peak_running_ = -1;
  std::uint32_t peak_op_ = 0;
  Bytes transient_at_peak_{};
};

/// Where every operation takes some time, the order alone decides: what F takes is always observed.
RankActivations walk_in_order(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs,
                              std::uint32_t rank) {
  RankWalk walk(pipeline, costs);
  Nanoseconds busy{0};
  for (std::uint32_t i = schedule.first[rank]; i < schedule.first[rank + 1]; ++i) {
    const Op& op = schedule.ops[i];
    const std::uint32_t slot = costs.slot(op);
    if (walk.allocate(op)) walk.observe_kept();
    walk.observe_running(i, costs.transient[slot]);
    walk.release(op);
    // A whole operation's time is counted with its last part.
    if (op.part + 1 == op.parts) busy += costs.duration[slot];
  }
  return walk.result(busy);
}

/// With operations of no duration the clock decides what is ever observed.
RankActivations walk_by_clock(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs,
                              const TaskGraph& graph, const SlotCosts& slots, const Timing& timing,
                              std::uint32_t rank) {
  RankWalk walk(pipeline, costs);
  Nanoseconds now{0}, busy{0};
  for (std::uint32_t i = schedule.first[rank]; i < schedule.first[rank + 1]; ++i) {
    const Op& op = schedule.ops[i];
    const auto [start, end] = op_times(graph, slots, timing, i);
    if (start > now) walk.observe_kept();
    walk.allocate(op);
    if (end > start) {
      walk.observe_kept();
      walk.observe_running(i, costs.transient[costs.slot(op)]);
    }
    walk.release(op);
    busy += end - start;
    now = end;
  }
  if (timing.iteration > now) walk.observe_kept();
  return walk.result(busy);
}

}  // namespace

std::vector<RankActivations> account_activations(const Pipeline& pipeline, const Schedule& schedule,
                                                 const CostTable& costs, const TaskGraph& graph, const SlotCosts& slots,
                                                 const Timing& timing) {
  std::vector<RankActivations> ranks;
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    ranks.push_back(slots.any_zero_duration ? walk_by_clock(pipeline, schedule, costs, graph, slots, timing, rank)
                                            : walk_in_order(pipeline, schedule, costs, rank));
  return ranks;
}

std::vector<RankActivations> activations_in_order(const Pipeline& pipeline, const Schedule& schedule,
                                                  const CostTable& costs) {
  std::vector<RankActivations> ranks;
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    ranks.push_back(walk_in_order(pipeline, schedule, costs, rank));
  return ranks;
}

std::vector<MemoryStep> activation_timeline(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs,
                                            const TaskGraph& graph, const SlotCosts& slots, const Timing& timing,
                                            RankId rank) {
  std::vector<MemoryStep> steps{{Nanoseconds{0}, {}, {}}};
  const auto step_to = [&](Nanoseconds at, const std::array<Bytes, kRoles>& kept, Bytes transient) {
    if (steps.back().at == at) steps.back() = {at, kept, transient};
    else steps.push_back({at, kept, transient});
  };
  RankWalk walk(pipeline, costs);
  for (std::uint32_t i = schedule.first[rank.value]; i < schedule.first[rank.value + 1]; ++i) {
    const auto [start, end] = op_times(graph, slots, timing, i);
    walk.allocate(schedule.ops[i]);
    step_to(start, walk.kept(), costs.transient[costs.slot(schedule.ops[i])]);
    walk.release(schedule.ops[i]);
    step_to(end, walk.kept(), Bytes{0});
  }
  return steps;
}

}  // namespace bigmac
