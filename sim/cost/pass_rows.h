// Rows of a plan's cost table, and what handing a pass on takes. Private to the cost room.
#pragma once

#include "bigmac/cost/plan_costs.h"

namespace bigmac {

/// Handing a pass's result on, to the next stage and back. A trainer that does not overlap transfers spends them at the
/// end of the pass; otherwise they run beside the rank's next operation.
struct Handover {
  double forward_us = 0, backward_us = 0;
  bool overlapped = true;
};

/// Writes the rows of one pass: F, I, W, B = I + W, R.
void fill_pass(CostTable& table, ModuleId module, StageId stage, MicrobatchId microbatch, const LayerCost& cost,
               const Handover& handover);

/// Where the LLM waits for tp traffic, encoders may run.
void fill_rides(CostTable& table, ModuleId module, StageId stage, MicrobatchId microbatch, const LayerCost& cost);

/// Throws Error{bad_input} unless every sum a schedule can form stays below 2^62: the dearest pass, as often as there
/// are operations.
void refuse_overflow(const PlanCosts& costs);

/// Microseconds that `bytes` per GPU take from one rank to the next: pp apart, GPUs being laid out tp, cp, dp, pp from
/// the inside out.
double transfer_of(const Job& job, const ParallelPlan& plan, double bytes);

/// The same between LLM stages. With scattered transfers the receiving tp ranks gather the parts inside their node
/// (2104.04473, section 4.1; DeepSpeed's pipeline engine does the same); sequence parallelism sends parts and gathers
/// them in the layer. With what the host then needs to go on where it waits for transfers.
double llm_transfer(const Job& job, const ParallelPlan& plan, double bytes);

}  // namespace bigmac
