// The space a planner searches: every parallel plan that a trainer could run, and why others could not.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bigmac/workload/job.h"
#include "bigmac/workload/parallel_plan.h"

namespace bigmac {

struct PlanSpace {
  std::vector<ParallelPlan> plans;               ///< in a fixed order
  std::map<std::string, std::int64_t> excluded;  ///< reason -> how many combinations it took out
};

/// How finely the space is cut. `usual`: layers of all modules recompute alike (nothing, everything; selective without
/// flash attention), optimizers are sharded and interleaving asks for microbatches that pp divides, unless the job
/// fixes these otherwise. `all`: also MLPs alone, encoders and generators apart from the LLM, of each stage as many
/// layers as its memory asks for, whole optimizers, and any number of microbatches: five to ten times as many plans.
enum class Axes { usual, all };

/// All plans for the job's GPUs that respect its fixed degrees and a trainer's constraints: tp divides heads and (with
/// grouped queries) key-value heads or is a multiple of them, and stays within a node; ep divides the experts and a
/// stage's GPUs; layers fill the stages; interleaving needs pp > 1; the global batch divides into dp x micro. Throws
/// Error{bad_input} for a job without a model.
PlanSpace enumerate_plans(const Job& job, Axes axes = Axes::usual);

/// Microbatches of one replica.
std::int64_t microbatches(const Job& job, const ParallelPlan& plan);

}  // namespace bigmac
