#include "microbatch_order.h"

#include <algorithm>
#include <numeric>

namespace bigmac {
namespace {

std::int64_t cost_of(const CostTable& costs, ModuleId module, OpKind kind, MicrobatchId m) {
  std::int64_t sum = 0;
  for (std::uint16_t stage = 0; stage < costs.modules[module].stages; ++stage)
    sum += costs.duration[costs.slot(module, kind, StageId{stage}, m)].value;
  return sum;
}

std::int64_t side_work(const Pipeline& pipeline, const CostTable& costs, MicrobatchId m) {
  std::int64_t sum = 0;
  for (const auto* modules : {&pipeline.encoders, &pipeline.generators})
    for (const ModuleId module : *modules)
      sum += cost_of(costs, module, OpKind::forward, m) + cost_of(costs, module, OpKind::backward, m);
  return sum;
}

std::vector<MicrobatchId> identity(const Pipeline& pipeline) {
  std::vector<MicrobatchId> order(pipeline.microbatches);
  for (std::uint32_t m = 0; m < order.size(); ++m) order[m] = MicrobatchId{m};
  return order;
}

// Full groups only are moved; a last partial one keeps its place at the end.
std::vector<MicrobatchId> as_mountain(const Pipeline& pipeline, const std::vector<MicrobatchId>& sorted) {
  const std::size_t ranks = pipeline.ranks, full = sorted.size() / ranks;
  std::vector<std::size_t> groups;
  for (std::size_t g = 0; g < full; g += 2) groups.push_back(g);
  for (std::size_t g = full; g-- > 0;)
    if (g % 2 == 1) groups.push_back(g);
  std::vector<MicrobatchId> out;
  for (const std::size_t g : groups)
    out.insert(out.end(), sorted.begin() + static_cast<std::ptrdiff_t>(g * ranks),
               sorted.begin() + static_cast<std::ptrdiff_t>((g + 1) * ranks));
  out.insert(out.end(), sorted.begin() + static_cast<std::ptrdiff_t>(full * ranks), sorted.end());
  return out;
}

// Sum over the columns of one module and kind of (dearest - mean).
std::int64_t loss(const Pipeline& pipeline, const CostTable& costs, ModuleId module, OpKind kind,
                  const std::vector<MicrobatchId>& order) {
  std::int64_t sum = 0;
  for (std::size_t begin = 0; begin < order.size(); begin += pipeline.ranks) {
    const std::size_t end = std::min(order.size(), begin + pipeline.ranks);
    std::int64_t most = 0, all = 0;
    for (std::size_t i = begin; i < end; ++i) {
      const std::int64_t cost = cost_of(costs, module, kind, order[i]);
      most = std::max(most, cost);
      all += cost;
    }
    sum += most - all / static_cast<std::int64_t>(end - begin);
  }
  return sum;
}

}  // namespace

std::vector<MicrobatchId> mountain_order(const Pipeline& pipeline, const std::vector<std::int64_t>& weights) {
  std::vector<MicrobatchId> sorted = identity(pipeline);
  if (std::all_of(weights.begin(), weights.end(), [&](std::int64_t w) { return w == weights[0]; })) return sorted;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](MicrobatchId a, MicrobatchId b) { return weights[a.value] < weights[b.value]; });
  return as_mountain(pipeline, sorted);
}

std::vector<MicrobatchId> column_order(const Pipeline& pipeline, const CostTable& costs) {
  std::vector<std::int64_t> work(pipeline.microbatches);
  for (std::uint32_t m = 0; m < work.size(); ++m) work[m] = side_work(pipeline, costs, MicrobatchId{m});
  return mountain_order(pipeline, work);
}

ColumnLoss column_loss(const Pipeline& pipeline, const CostTable& costs, const std::vector<MicrobatchId>& order) {
  ColumnLoss out;
  const std::vector<MicrobatchId> given = identity(pipeline);
  for (const auto* modules : {&pipeline.encoders, &pipeline.generators})
    for (const ModuleId module : *modules)
      for (const OpKind kind : {OpKind::forward, OpKind::backward}) {
        out.as_given += loss(pipeline, costs, module, kind, given);
        out.ordered += loss(pipeline, costs, module, kind, order);
      }
  return out;
}

void apply_order(Schedule& schedule, const std::vector<MicrobatchId>& order) {
  for (Op& op : schedule.ops) op.microbatch = order[op.microbatch.value];
  schedule.microbatch_order = order;
}

}  // namespace bigmac
