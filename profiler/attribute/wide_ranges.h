// Layer ranges that are open somewhere else when a thread launches: the last resort of attribution.
#pragma once

#include <cstdint>
#include <vector>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// By event, of calls: the layer range open at its start, or kNoEvent.
struct WideRanges {
  std::vector<std::uint32_t> process;      ///< of the process (NVTX start/end), the last to open
  std::vector<std::uint32_t> main_thread;  ///< of the thread with the most layer ranges, the innermost
  std::vector<bool> backward;              ///< whether a range that says backward is open anywhere in the process
};

WideRanges wide_ranges(const Trace& trace, const std::vector<std::uint8_t>& rule_of);

}  // namespace bigmac
