// The recorder's clock: one monotonic clock for NVTX and, through a callback, for CUPTI; the wall clock only places
// files side by side.
#pragma once

#include <ctime>

#include "event.h"

namespace bigmac::capture {

inline Time read_clock(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return static_cast<Time>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

inline Time monotonic_ns() { return read_clock(CLOCK_MONOTONIC); }
inline Time unix_ns() { return read_clock(CLOCK_REALTIME); }

}  // namespace bigmac::capture
