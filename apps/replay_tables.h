// What bigmac-replay prints.
#pragma once

#include <string>
#include <vector>

#include "bigmac/profiler/causes.h"
#include "bigmac/profiler/replay.h"
#include "bigmac/profiler/what_if.h"

namespace bigmac::apps {

/// A replay under what-if, beside the recording's own.
struct Answer {
  std::vector<Touched> touched;
  Nanoseconds length;
  CriticalPath path;
};

/// All that a run of bigmac-replay found.
struct ReplayReport {
  const Trace& trace;
  const ReplayGraph& graph;
  SelfReplay self;
  CriticalPath path;
  std::vector<GpuIdle> idle;
  std::optional<Answer> answer;
};

std::string replay_table(const ReplayReport& report);
std::string replay_json(const ReplayReport& report);

}  // namespace bigmac::apps
