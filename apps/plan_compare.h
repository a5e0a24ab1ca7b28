// bigmac-plan compare: the plan chosen for each job beside what was published and what Megatron-LM could do at best.
#pragma once

#include <string>
#include <vector>

#include "plan_job.h"

namespace bigmac::apps {

struct CompareArguments {
  PlanOptions plan;
  std::vector<std::string> jobs;
};

/// A Markdown table on standard output.
int compare_jobs(const CompareArguments& arguments);

}  // namespace bigmac::apps
