// A cost table with rows of their own for microbatches that shared one.
//
// Beside the cost table: whoever changes costs microbatch by microbatch (rides, drawn batches) starts from it.
#pragma once

#include <vector>

#include "bigmac/cost/cost_table.h"

namespace bigmac {

/// `costs` laid out anew; `per_microbatch[module]` as in make_cost_table. A module that had a row for each microbatch
/// needs one. Rides are not carried over.
CostTable spread_table(const Pipeline& pipeline, const CostTable& costs, const std::vector<bool>& per_microbatch);

}  // namespace bigmac
