#include "optimus_clock.h"

#include <algorithm>

#include "bigmac/schedule/dependencies.h"
#include "op_makers.h"

namespace bigmac {
namespace {

/// A product's end, and when it is on another rank; -1 while not made.
struct Made {
  std::int64_t here = -1, elsewhere = -1;
};

class Clock {
 public:
  Clock(const Pipeline& pipeline, const CostTable& costs, const RankOrders& orders, const ClockRules& rules)
      : pipeline_(pipeline), costs_(costs), orders_(orders), rules_(rules), next_(orders.size()), free_(orders.size()) {
    std::uint32_t rows = 0;
    for (const ModuleShape& module : pipeline.modules) first_row_.push_back(rows), rows += module.stages;
    made_.resize(std::size_t{2} * rows * pipeline.microbatches);
    if (!rules.keep_starts) return;
    std::size_t all = 0;
    for (const std::vector<Op>& ops : orders) times_.starts.emplace_back(ops.size()), all += ops.size();
    times_.order.reserve(all);
  }

  std::optional<OrderTimes> run() {
    for (bool moved = true; moved;) {
      moved = false;
      for (std::uint32_t rank = 0; rank < orders_.size(); ++rank) moved = advance(rank) || moved;
    }
    for (std::size_t rank = 0; rank < orders_.size(); ++rank)
      if (next_[rank] < orders_[rank].size()) return std::nullopt;
    for (const std::int64_t at : free_) times_.span = std::max(times_.span, at);
    return std::move(times_);
  }

 private:
  bool advance(std::uint32_t rank) {
    const std::vector<Op>& ops = orders_[rank];
    const std::uint32_t before = next_[rank];
    while (next_[rank] < ops.size()) {
      const Op& op = ops[next_[rank]];
      const std::int64_t ready = op.part == 0 ? inputs_ready(op, rank) : 0;
      if (ready < 0) break;
      place(op, rank, std::max(ready, free_[rank]));
    }
    return next_[rank] > before;
  }

  std::int64_t inputs_ready(const Op& op, std::uint32_t rank) const {
    std::int64_t at = 0;
    if (rules_.not_before != nullptr && op.module == kLlm && op.kind == OpKind::forward && op.stage.value == 0)
      at = (*rules_.not_before)[op.microbatch.value];
    for_each_input(pipeline_, op, [&](const ProductKey& key) {
      if (at < 0 || (key.module != kLlm && rules_.owners == nullptr)) return;
      const Made& made = made_[index(key)];
      at = made.here < 0 ? -1 : std::max(at, rank_of(key) == rank ? made.here : made.elsewhere);
    });
    return at;
  }

  void place(const Op& op, std::uint32_t rank, std::int64_t start) {
    const std::uint32_t slot = costs_.slot(op);
    const std::int64_t whole = std::max(rules_.least_duration, costs_.duration[slot].value);
    const std::int64_t end = start + (op.parts == 1 ? whole : part_length(whole, op.part, op.parts));
    if (op.part + 1 == op.parts && makes_product(op.kind))
      made_[index({product_of(op.kind), op.module, op.stage, op.microbatch})] = {end,
                                                                                 end + costs_.transfer[slot].value};
    if (rules_.keep_starts) {
      times_.starts[rank][next_[rank]] = start;
      times_.order.emplace_back(rank, next_[rank]);
    }
    free_[rank] = end;
    ++next_[rank];
  }

  // Both products of a stage side by side, the LLM's stages first.
  std::size_t index(const ProductKey& key) const {
    const std::size_t row = first_row_[key.module.value] + key.stage.value;
    return (2 * row + static_cast<std::size_t>(key.product)) * pipeline_.microbatches + key.microbatch.value;
  }
  std::uint32_t rank_of(const ProductKey& key) const {
    if (key.module == kLlm) return key.stage.value % pipeline_.ranks;
    return (*rules_.owners)[key.microbatch.value] +
           rank_of_stage(key.stage.value, pipeline_.modules[key.module].stages, rules_.turned);
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  const RankOrders& orders_;
  const ClockRules& rules_;
  std::vector<std::uint32_t> next_;
  std::vector<std::int64_t> free_;
  std::vector<std::uint32_t> first_row_;  // by module
  std::vector<Made> made_;
  OrderTimes times_;
};

}  // namespace

std::optional<OrderTimes> time_orders(const Pipeline& pipeline, const CostTable& costs, const RankOrders& orders,
                                      const ClockRules& rules) {
  return Clock(pipeline, costs, orders, rules).run();
}

}  // namespace bigmac
