// List scheduling: an order for any placement of passes on ranks. Private to the schedule room.
//
// Idea. Each rank, whenever it is free, takes of its ready operations the one that 1F1B would: gradients before
// forwards, lower microbatches first, and among chunks the deeper one forward and the shallower one backward. A forward
// of LLM stage 0 waits while `in_flight` microbatches are between their first forward and their last gradient, which
// bounds memory as the warm-up of 1F1B does. The clock is the job's own costs with its transfers. Graham (1966),
// "Bounds for certain multiprocessing anomalies": a greedy list schedule; no claim of optimality is made.
//
// 4 ranks, one stage each, in_flight = 4: the order is 1F1B's.
#pragma once

#include <functional>

#include "bigmac/cost/cost_table.h"
#include "bigmac/schedule/llm_base.h"

namespace bigmac {

/// Where each pass runs.
struct Placement {
  std::vector<std::uint32_t> stage_rank;                           ///< LLM stage -> rank
  std::function<std::uint32_t(ModuleId, MicrobatchId)> side_rank;  ///< encoder or generator -> rank
  std::uint32_t in_flight = 1;                                     ///< microbatches, see above
};

struct ListSchedule {
  RankOrders orders;
  std::int64_t makespan = 0;  ///< ns, by the job's costs
};

/// Orders every pass of the pipeline (full backwards). Linear in operations but for a logarithm.
ListSchedule list_schedule(const Pipeline& pipeline, const CostTable& costs, const Placement& placement);

}  // namespace bigmac
