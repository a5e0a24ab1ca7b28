// Encoders cut into stages over several ranks. Private to the cost room.
#pragma once

#include "bigmac/cost/plan_costs.h"

namespace bigmac {

/// An encoder's layers over `stages` stages, the dearest as cheap as can be in the mean over `microbatches`. Throws
/// Error{bad_input} when there are fewer layers than stages.
Partition encoder_cut(const SideCosts& encoder, std::uint32_t microbatches, std::uint32_t stages);

/// Times and bytes of one stage's layers for one microbatch.
LayerCost encoder_stage_cost(const SideCosts& encoder, const Partition& cut, std::uint32_t stage, std::uint32_t m);

}  // namespace bigmac
