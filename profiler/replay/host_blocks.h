// When a thread is busy, and which thread it waited for when it was not.
#pragma once

#include <optional>
#include <vector>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// A stretch in which a thread's operators and calls follow one another without a long gap.
struct HostBlock {
  Nanoseconds start, end;
  std::optional<std::pair<LaneId, std::size_t>> after;  ///< lane and block whose end this start waited for
};

/// By lane; empty for streams. A block ends where the thread shows neither operator nor call for kIdle.
///
/// Hand-over: block A of one thread starts inside the gap that follows block B of another thread of the process, and B
/// ended inside the gap before A. Then B handed over to A: so loss.backward() passes from the main thread to autograd's
/// and back. Of several such B the one that ended last.
std::vector<std::vector<HostBlock>> host_blocks(const Trace& trace);

inline constexpr Nanoseconds kIdle{20'000};

}  // namespace bigmac
