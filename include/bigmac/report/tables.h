// Text and JSON for people and machines: what programs print. Lines fit 80 columns.
#pragma once

#include <string>

#include "bigmac/report/schedule_file.h"

namespace bigmac {

/// "1.234 s", "62.200 us": four or five significant digits with a unit.
std::string human_time(Nanoseconds time);
/// "12.34 GB": decimal units.
std::string human_bytes(Bytes bytes);

std::string outcome_table(const ScheduleFile& file, const Outcome& outcome);
std::string outcome_json(const ScheduleFile& file, const Outcome& outcome);

std::string schedules_table();
std::string schedules_json();

}  // namespace bigmac
