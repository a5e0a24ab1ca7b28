// The subcommands of bigmac-sim that show schedule files to people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bigmac::apps {

struct ReportOptions {
  std::vector<std::string> files;
  std::string output, title;
};

struct DrawOptions {
  std::string file, output, title;
  double width = 1100;
  std::int64_t time_ns = 0;
};

/// One picture; its format is the output's ending. Returns an exit code.
int draw_file(const DrawOptions& options);

/// One page about all files, the first chosen. Returns an exit code.
int report_files(const ReportOptions& options);

}  // namespace bigmac::apps
