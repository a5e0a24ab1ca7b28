// What the project says of a case: its whole chain, with unprinted knobs chosen by one rule.
#pragma once

#include <string>
#include <vector>

#include "bigmac/planner/evaluate.h"
#include "cases.h"

namespace accuracy {

struct Prediction {
  bigmac::Evaluation chosen;
  double step_s = 0;
  double memory_bytes = 0;
};

/// Plan, costs, schedule, engine, memory. Knobs that the job leaves open (microbatch, vpp, recompute, ep) take the
/// values of the fastest plan that fits the GPU's memory, or of the fastest where none fits by our count (the run was
/// made): those who publish a run tuned it.
Prediction predict(const Row& row);

/// Predicted over measured, less 1.
double error(double predicted, double measured);

}  // namespace accuracy
