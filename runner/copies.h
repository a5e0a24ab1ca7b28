// Stages that several ranks hold: both copies of DualPipe's parameters, an encoder that runs on every rank.
//
// Each copy's gradients come from its own microbatches; the step's gradient is their sum, which every holder ends with
// (what a trainer does with an all-reduce among them). Private to the runner.
#pragma once

#include "bigmac/runner/compute.h"
#include "bigmac/runner/messenger.h"

namespace bigmac::runner {

struct Holders {
  StageKey stage;
  std::vector<RankId> ranks;
};
/// Every stage with a backward, and the ranks whose operations use it.
std::vector<Holders> holders_of(const Pipeline& pipeline, const Schedule& schedule);

/// Collective: sums over holders. Stages go in one order on all ranks, so no two wait for one another.
void sum_copies(Session& session, SendMode mode, const std::vector<Holders>& holders, Gradients& gradients);

struct Collected {
  Gradients gradients;
  bool copies_agree = true;
};
/// Collective: on rank 0 everything, elsewhere nothing.
Collected collect(Session& session, SendMode mode, const Model& model, const std::vector<Holders>& holders,
                  const Gradients& gradients);

}  // namespace bigmac::runner
