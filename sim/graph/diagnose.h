// Explains a schedule that cannot run. Private to the graph room; runs only after a failure.
#pragma once

#include "bigmac/graph/task_graph.h"

namespace bigmac {

/// `stuck[rank]`: index into schedule.ops of the first operation that could not be placed, or the rank's
/// end. Names the product nobody makes, or a cycle of operations each waiting for the next.
Fault diagnose_stuck(const Pipeline& pipeline, const Schedule& schedule, const std::vector<std::uint32_t>& stuck);

Fault duplicate_fault(const Pipeline& pipeline, const Schedule& schedule, const Op& op);

/// A rank x step excerpt: five steps before and three after `marked[rank]`, which is shown as [op].
std::string grid_around(const Pipeline& pipeline, const Schedule& schedule, const std::vector<std::uint32_t>& marked,
                        const std::vector<std::uint32_t>& ranks);

}  // namespace bigmac
