// Text and JSON for people and machines: what programs print. Lines fit 80 columns.
#pragma once

#include <string>

#include "bigmac/report/schedule_file.h"

namespace bigmac {

/// "1.234 s", "62.200 us": four or five significant digits with a unit.
std::string human_time(Nanoseconds time);
/// "12.34 GB": decimal units.
std::string human_bytes(Bytes bytes);

/// `text` broken at spaces into lines of at most `columns`; lines after the first are indented.
std::string wrapped(const std::string& text, std::size_t indent = 2, std::size_t columns = 80);

std::string outcome_table(const ScheduleFile& file, const Outcome& outcome);
/// The schedule in characters, `columns` wide: a line per rank (32 at most), one character per slice of time, small
/// letters for forwards and capitals for backwards; `colour` adds ANSI colours.
std::string text_timeline(const ScheduleFile& file, const Outcome& outcome, int columns = 80, bool colour = false);

std::string outcome_json(const ScheduleFile& file, const Outcome& outcome);

std::string schedules_table();
std::string schedules_json();

}  // namespace bigmac
