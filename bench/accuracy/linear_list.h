// Encoder, LLM and generator as one list of layers over all virtual stages: the balanced baseline of both papers.
#pragma once

#include <optional>

#include "bigmac/planner/evaluate.h"

namespace accuracy {

/// By which weights the list is cut into stages whose heaviest is least.
enum class ListWeights {
  flops,  ///< as Optimus's paper words Megatron-LM balanced, by its textbook dynamic program
  time,   ///< by this project's own layer times: what a team that measured its layers would run
};

/// What of encoders and generators may be cut.
enum class SideLayers { apart, whole };

/// The plan's pp x vpp stages of the job's one list, interleaved (1F1B for vpp = 1), under the LLM's tp: every layer of
/// every module on one virtual stage. Boundaries carry the LLM's hidden states. Nothing where layers are too few. Loads
/// are those of the first microbatch.
std::optional<bigmac::Evaluation> run_one_list(const bigmac::Job& job, const bigmac::ParallelPlan& plan,
                                               ListWeights weights, SideLayers sides = SideLayers::apart);

/// Costs of that list, a layer for each stage.
std::optional<bigmac::PlanCosts> one_list_costs(const bigmac::Job& job, const bigmac::ParallelPlan& plan,
                                                ListWeights weights, SideLayers sides = SideLayers::apart);

/// Cuts `weights` into `parts` contiguous non-empty parts whose heaviest is least; part p is first[p] .. first[p+1].
/// The recurrence best(k, i) = min over j of max(best(k-1, j), sum(j..i)), the least j of equal ones: so every tail of
/// the list leaves a best head. Throws Error{bad_input} where there are fewer weights than parts.
bigmac::Partition cut_evenly(const std::vector<double>& weights, std::size_t parts);

}  // namespace accuracy
