// The same model without a pipeline: one process, one microbatch after another. What a pipelined step is compared with.
#pragma once

#include <functional>

#include "bigmac/runner/compute.h"

namespace bigmac::runner {

struct PlainStep {
  double loss = 0;
  Gradients gradients;
};

/// `between` is called after each microbatch (a rank that computes alone still shows the others that it lives).
PlainStep run_plainly(
    const Model& model, const std::function<void()>& between = [] {});

/// Largest |a - b| over the largest |b| of any weight tensor, and where.
struct GradientDifference {
  double relative = 0;
  StageKey stage{};
  std::size_t tensors = 0;  ///< compared
};
/// A stage that only one of them holds counts as a difference of infinity.
GradientDifference compare_gradients(const Gradients& ours, const Gradients& plain);

}  // namespace bigmac::runner
