// Memory over time, step by step and range by range, from a recording's memory events.
//
// Running sums of allocations and releases of one device; what was allocated before the recording began counts as
// nothing, so figures are relative to a moment that each result names.
#pragma once

#include <string>
#include <vector>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// Memory over a stretch of time, relative to its start.
struct MemoryStretch {
  std::string name;
  ProcessId process;
  std::int64_t device = 0;
  std::size_t events = 0;
  Bytes peak;  ///< highest sum over the start, at least 0
  Bytes net;   ///< at the end
};

/// One stretch for each training step that the recording marks (ProfilerStep#N) and each device with events in it; the
/// whole recording where none is marked.
std::vector<MemoryStretch> memory_by_step(const Trace& trace);

/// Where the difference of successive totals is not the size of the event that lies between: 0 in a sound recording.
std::size_t memory_mismatches(const Trace& trace);

}  // namespace bigmac
