// Which microbatches share a column. Private to the schedule room.
//
// Gradients add up in any order, so a job's microbatches may be permuted freely. Where their encoder and generator
// costs differ, a column lasts as long as its dearest microbatch; putting alike ones into one group wastes least.
// Sorted by cost and cut into groups of P, groups are laid as a mountain (even ones rising, then odd ones falling):
// light columns come first and last, where their heads and tails are exposed.
//
// 4 ranks, M = 8, encoder costs 5 1 5 1 5 1 5 1: as given every column lasts 5; sorted, 1 1 1 1 | 5 5 5 5: one lasts 1.
#pragma once

#include <vector>

#include "bigmac/cost/cost_table.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

/// position -> the job's microbatch. The identity where all microbatches cost the same.
std::vector<MicrobatchId> column_order(const Pipeline& pipeline, const CostTable& costs);

/// Positions sorted by the job's microbatches' `weights` and laid as that mountain.
std::vector<MicrobatchId> mountain_order(const Pipeline& pipeline, const std::vector<std::int64_t>& weights);

/// What columns lose to their dearest microbatch in the order as given, and in `order`: the sum over columns of
/// (dearest - mean), in ns, forward and backward columns apart.
struct ColumnLoss {
  std::int64_t as_given = 0, ordered = 0;
};
ColumnLoss column_loss(const Pipeline& pipeline, const CostTable& costs, const std::vector<MicrobatchId>& order);

/// Renames positions to the job's microbatches.
void apply_order(Schedule& schedule, const std::vector<MicrobatchId>& order);

}  // namespace bigmac
