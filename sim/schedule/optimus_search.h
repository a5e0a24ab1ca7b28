// Optimus' candidates: LLM timelines x owners x packings, timed and compared. Private to the schedule room.
#pragma once

#include "optimus_packing.h"

namespace bigmac {

/// The values of the parameter `packing`: each effort includes those before it.
enum class Effort { coarse, greedy, minimal_shift };

/// The greedy repacks a rank for each move, quadratic in M: left out beyond this many microbatches.
inline constexpr std::uint32_t kMostGreedyMicrobatches = 1024;

struct OptimusResult {
  RankOrders orders;
  std::string how;          ///< which candidate won, in words
  double share = 0;         ///< of the encoder's compute planned between the LLM's first start and last end
  double coarse_share = 0;  ///< the same of the coarse placement on the order as given
  std::vector<Ride> rides;  ///< to be timed with costs_as_run()
};

/// The best candidate by time, then by live encoder microbatches. Linear in M for the largest jobs, where only the
/// likeliest candidates are tried. `llm`: the base's orders.
/// `in_waits`: also with encoder kernels in the LLM's tensor-parallel waits, where the costs say that there are any.
OptimusResult search_optimus(const Pipeline& pipeline, const CostTable& costs, RankOrders llm, Effort effort,
                             bool in_waits);

}  // namespace bigmac
