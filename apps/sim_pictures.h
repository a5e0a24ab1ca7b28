// The subcommands of bigmac-sim that show schedule files to people.
#pragma once

#include <string>
#include <vector>

namespace bigmac::apps {

struct ReportOptions {
  std::vector<std::string> files;
  std::string output, title;
};

/// One page about all files, the first chosen. Returns an exit code.
int report_files(const ReportOptions& options);

}  // namespace bigmac::apps
