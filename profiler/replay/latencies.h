// What a recording says about its machine: how soon a launched operation starts, and how closely queued ones follow.
#pragma once

#include <optional>
#include <vector>

#include "bigmac/profiler/replay.h"
#include "waits.h"

namespace bigmac {

/// By process. A launch latency is seen where the stream had gone idle before the call began, a gap where the operation
/// was launched long before its stream was free; operations that wait for another stream show neither. Medians; where a
/// recording shows none, 5 us to launch and no gap are assumed.
std::vector<ReplayLatencies> measure_latencies(const Trace& trace,
                                               const std::vector<std::optional<EventId>>& launched_by,
                                               const Waits& waits);

/// Row of ReplayLatencies for a GPU event.
inline std::size_t latency_row(EventKind kind) { return static_cast<std::size_t>(kind); }

}  // namespace bigmac
