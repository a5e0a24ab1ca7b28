// Ways in which a plan can give time for memory of encoders. Private to the planner.
#pragma once

#include <vector>

#include "bigmac/planner/study.h"

namespace bigmac {

/// The study as it stands, and under the same plan with: weights of encoders and generators sharded over a node, unless
/// the job says `shard_sides` or no GPUs could share; encoders cut into any number of stages that divides pp, as
/// far as they have layers, unless the job says `encoder_pp`; and each of these with encoders that run their forward
/// again for the backward, unless they do so already, are frozen, or the job says so.
std::vector<Study> memory_ways(const Study& study);

}  // namespace bigmac
