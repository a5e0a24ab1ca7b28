// Collectives that several recorded ranks took part in, and what they tell about the ranks' clocks.
#pragma once

#include <optional>
#include <vector>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// Operations that end together: one entry a collective, at most one operation a process. Matched by name, group and
/// sequence number where the recording has them; else by name and end, within 1 ms (recordings may lack some), clocks
/// that differ more brought together by order first.
std::vector<std::vector<EventId>> match_collectives(const Trace& trace);

/// By process: how far its clock runs ahead of the first process's: the median difference of the ends of their common
/// collectives, which end on all ranks at nearly the same time. Nothing where they share none.
std::vector<std::optional<Nanoseconds>> clock_offsets(const Trace& trace);

/// Takes the offsets off and sorts the events anew.
void align_clocks(Trace& trace, const std::vector<std::optional<Nanoseconds>>& offsets);

}  // namespace bigmac
