// bigmac-plan sweep: the same job on other numbers of GPUs, other sequence lengths, other batches.
#pragma once

#include <string>

#include "plan_job.h"

namespace bigmac::apps {

struct SweepArguments {
  PlanOptions plan;
  std::string gpus, sequence, batch;
  double gpu_hour = 0;  ///< price
};

int sweep_job(const SweepArguments& arguments);

}  // namespace bigmac::apps
