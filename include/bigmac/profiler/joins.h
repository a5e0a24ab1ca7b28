// What belongs together in a trace: a GPU operation and the call that launched it, a backward operator and its forward.
#pragma once

#include <optional>
#include <vector>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// By event: the API call that launched it; for GPU operations only. Joined by (process, correlation): a correlation is
/// unique within a process only. Where several calls carry one correlation, the first.
std::vector<std::optional<EventId>> launches(const Trace& trace);

/// By index into Trace::operators: the forward operator of a backward one. Autograd numbers threads by itself; its
/// number is taken for the thread that holds most of the sequence numbers looked for. Of several operators with one
/// sequence number the last to start before the backward made the node.
std::vector<std::optional<EventId>> forwards(const Trace& trace);

}  // namespace bigmac
