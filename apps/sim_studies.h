// The subcommands of bigmac-sim that build schedules.
#pragma once

#include <string>
#include <vector>

namespace bigmac::apps {

struct RunOptions {
  std::string job, schedule, base, output, trace;
  std::vector<std::string> set;
  bool json = false, draw = false;
};

struct FrontierOptions {
  std::string job, base, output;
  bool json = false;
};

/// Both return an exit code.
int run_job(const RunOptions& options);
int draw_frontier(const FrontierOptions& options);

}  // namespace bigmac::apps
