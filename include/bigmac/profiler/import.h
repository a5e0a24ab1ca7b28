// Anyone's recording to a Trace: the format is told by what the file holds, not by its name.
#pragma once

#include <string>
#include <vector>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// Kineto JSON, Nsight Systems SQLite or bigmac.trace/1. Throws Error{bad_input}.
Trace import_trace(const std::string& path);

/// The recordings of several ranks as one, events by time. Clocks of different hosts are brought together by the ends
/// of the collectives that they share: a collective ends on all its ranks at nearly the same time (collectives.h).
Trace import_traces(const std::vector<std::string>& paths);

}  // namespace bigmac
