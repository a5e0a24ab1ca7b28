// bigmac-plan's work: search one job, print and write what was found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bigmac/planner/mpi_pool.h"
#include "bigmac/planner/search.h"

namespace bigmac::apps {

struct PlanOptions {
  std::string job, output, objective = "time", memory_limit, base;
  std::vector<std::string> schedules, targets;
  int threads = 0;
  double effort = 1;
  std::optional<std::uint64_t> seed;
  bool json = false, draw = false, explain = false, resume = false, all_degrees = false, all_axes = false;
};

/// The job with what the options change in it.
Job job_for(const PlanOptions& options);
SearchOptions search_options(const PlanOptions& options, const Job& job);

/// Exit code. Where `processes` are several, the first searches and the others evaluate for it.
int plan_job(const PlanOptions& options, const Processes& processes);

}  // namespace bigmac::apps
