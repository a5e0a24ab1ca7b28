// A plan.json of bigmac-plan, read back: the schedule and the degrees it was planned for.
#pragma once

#include <string>

#include "bigmac/report/schedule_file.h"
#include "bigmac/workload/parallel_plan.h"

namespace bigmac {

struct PlanFile {
  ReadSchedule read;
  ParallelPlan plan;
  std::vector<std::uint32_t> recomputed_layers;  ///< by stage, under partial recompute; else empty
};

/// Throws Error{bad_input} for schedule files without a model, a cluster and the degrees of a plan.
PlanFile read_plan_file(const std::string& text, const std::string& file);

}  // namespace bigmac
