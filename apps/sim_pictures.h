// The subcommands of bigmac-sim that show schedule files to people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bigmac/report/schedule_file.h"

namespace bigmac::apps {

/// The outcome as a table, with the schedule as text under it where `draw` asks for it, or as JSON.
void print_outcome(const ScheduleFile& file, const Outcome& outcome, bool json, bool draw);

struct DrawOptions {
  std::string file, output, title;
  double width = 1100;
  std::int64_t time_ns = 0;
  bool json = false;
};

struct ReportOptions {
  std::vector<std::string> files;
  std::string output, title;
  bool json = false;
};

/// One picture; its format is the output's ending. Returns an exit code.
int draw_file(const DrawOptions& options);

/// One page about all files, the first chosen. Returns an exit code.
int report_files(const ReportOptions& options);

/// For --json of what writes files: {"written": output, "not_carried": dropped}.
void print_written(const std::string& output, const std::vector<std::string>& dropped = {});

}  // namespace bigmac::apps
