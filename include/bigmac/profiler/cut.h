// A part of a recording: one step of many.
#pragma once

#include <string>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// What was launched while the range of this name was open: events of threads that begin in it, GPU operations that
/// they launched, and memory events. Where several ranges have the name (several ranks), each process is cut by its own
/// first; a process without one by the first of all. Throws Error{bad_input} where no range has it, naming some that
/// exist.
Trace cut_step(const Trace& trace, const std::string& range);

}  // namespace bigmac
