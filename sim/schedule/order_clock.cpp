#include "order_clock.h"

#include <algorithm>

#include "bigmac/schedule/dependencies.h"

namespace bigmac {
namespace {

class OrderClock {
 public:
  OrderClock(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule)
      : pipeline_(pipeline), costs_(costs), schedule_(schedule), free_at_(schedule.ranks(), 0) {
    std::size_t products = 0;
    for (const ModuleShape& module : pipeline.modules) {
      first_.push_back(products);
      products += std::size_t{kProducts} * module.stages * pipeline.microbatches;
    }
    made_.resize(products);
  }

  /// Into `times`, where that is wanted, when each operation runs.
  std::optional<std::vector<std::int64_t>> run(std::vector<OpTime>* times = nullptr) {
    times_ = times;
    if (times != nullptr) times->resize(schedule_.ops.size());
    std::vector<std::uint32_t> next(schedule_.first.begin(), schedule_.first.end() - 1);
    std::size_t left = schedule_.ops.size();
    for (std::size_t before = left + 1; before != left;) {
      before = left;
      for (std::uint32_t rank = 0; rank < schedule_.ranks(); ++rank)
        for (; next[rank] < schedule_.first[rank + 1] && place(next[rank], rank); ++next[rank]) --left;
    }
    if (left > 0) return std::nullopt;
    return std::move(free_at_);
  }

 private:
  struct Made {
    std::int64_t end = -1, arrival = 0;
    std::uint32_t rank = 0;
  };

  Made& made(const ProductKey& key) {
    const std::size_t stages = pipeline_.modules[key.module].stages;
    return made_[first_[key.module.value] +
                 (static_cast<std::size_t>(key.product) * stages + key.stage.value) * pipeline_.microbatches +
                 key.microbatch.value];
  }

  bool place(std::uint32_t index, std::uint32_t rank) {
    const Op& op = schedule_.ops[index];
    std::int64_t start = free_at_[rank];
    bool ready = true;
    if (op.part == 0)
      for_each_input(pipeline_, op, [&](const ProductKey& key) {
        const Made& input = made(key);
        if (input.end < 0) ready = false;
        start = std::max(start, input.rank == rank ? input.end : input.arrival);
      });
    if (!ready) return false;
    const std::uint32_t slot = costs_.slot(op);
    const std::int64_t cost = costs_.duration[slot].value;
    const std::int64_t end =
        start + (op.parts == 1 ? cost : cost * (op.part + 1) / op.parts - cost * op.part / op.parts);
    free_at_[rank] = end;
    if (times_ != nullptr) (*times_)[index] = {start, end};
    if (op.part + 1 == op.parts && makes_product(op.kind))
      made({product_of(op.kind), op.module, op.stage, op.microbatch}) = {end, end + costs_.transfer[slot].value, rank};
    return true;
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  const Schedule& schedule_;
  std::vector<std::size_t> first_;
  std::vector<Made> made_;
  std::vector<std::int64_t> free_at_;
  std::vector<OpTime>* times_ = nullptr;
};

}  // namespace

std::optional<std::vector<std::int64_t>> rank_ends(const Pipeline& pipeline, const CostTable& costs,
                                                   const Schedule& schedule) {
  return OrderClock(pipeline, costs, schedule).run();
}

std::optional<std::vector<OpTime>> op_times(const Pipeline& pipeline, const CostTable& costs,
                                            const Schedule& schedule) {
  std::vector<OpTime> out;
  if (!OrderClock(pipeline, costs, schedule).run(&out)) return std::nullopt;
  return out;
}

std::optional<std::int64_t> order_time(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule) {
  const auto ends = rank_ends(pipeline, costs, schedule);
  if (!ends) return std::nullopt;
  return *std::max_element(ends->begin(), ends->end());
}

}  // namespace bigmac
