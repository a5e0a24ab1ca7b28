// Where a plan's layer costs come from: measured, or filled in by the analytic model.
#pragma once

#include <string>
#include <vector>

#include "bigmac/workload/job.h"
#include "bigmac/workload/parallel_plan.h"

namespace bigmac {

/// All layers of one kind in one module.
struct CostOrigin {
  std::string module;
  LayerKind layer = LayerKind::transformer;
  int tp = 1;
  std::size_t layers = 0;      ///< how many of the module's
  std::vector<double> tokens;  ///< measured token counts per microbatch, rising; empty: analytic
  std::vector<int> other_tp;   ///< degrees measured instead, where this one was not
};

/// One entry for each module and kind of layer, in the model's order; nothing where the job has no measured costs.
std::vector<CostOrigin> cost_origins(const Job& job, const ParallelPlan& plan);

/// "llm/transformer (48 layers, tp 2): measured at 4096, 8192 tokens", one line each.
std::vector<std::string> cost_origin_lines(const Job& job, const ParallelPlan& plan);

}  // namespace bigmac
