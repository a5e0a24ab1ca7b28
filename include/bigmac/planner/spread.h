// How a plan's step time spreads over the data: a schedule's order is fixed, but every batch brings other images.
//
// Batches are drawn from a pool of microbatches, drawn from the job's own distributions and costed exactly; each
// data-parallel replica draws its own, and the slowest replica makes the step. The order of operations stays the
// plan's.
#pragma once

#include <cstdint>
#include <vector>

#include "bigmac/planner/evaluate.h"

namespace bigmac {

struct SpreadOptions {
  std::int64_t batches = 10'000;
  std::int64_t pool = 4096;  ///< distinct microbatches
  std::uint64_t seed = 1;
  int threads = 1;
  /// Each rank of each batch is exp(N(0, jitter)) times as slow as stated.
  double jitter = 0;
  /// A rank is a straggler in a batch with this probability, and then this much slower.
  double straggler_share = 0, straggler_factor = 1;
};

struct Spread {
  std::vector<Nanoseconds> steps;  ///< ascending, one a batch
  Nanoseconds mean{};

  /// The least step that `share` of the batches do not exceed; 0 < share <= 1.
  Nanoseconds quantile(double share) const;
};

/// `plan` is worked out from `evaluation` (evaluate.h). Where its schedule permutes microbatches by cost, each batch's
/// are put into the same order by cost first.
Spread step_spread(const Job& job, const ProfileCache& cache, const DetailedPlan& plan, const SpreadOptions& options);

}  // namespace bigmac
