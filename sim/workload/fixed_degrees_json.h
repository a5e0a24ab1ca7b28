// Whether the degrees a job fixes can be met at all. Private to the workload room.
#pragma once

#include "bigmac/base/json_reader.h"
#include "bigmac/workload/job.h"

namespace bigmac {

/// Refuses, at the member that cannot be met, fixed degrees that no plan has: more stages than layers, degrees that do
/// not divide the GPUs, tensor parallelism that crosses a node or cuts a head, a microbatch that does not divide the
/// batch. What only a combination with searched degrees rules out is the planner's answer, not an error.
/// Needs the job's model, cluster, batch and parallel degrees.
void check_fixed_degrees(const JsonReader& root, const Job& job);

}  // namespace bigmac
