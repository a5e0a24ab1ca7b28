// bigmac-accuracy: predictions against published measurements.
//
//   bigmac-accuracy --data ../shared/data -o out/accuracy
//   bigmac-accuracy --papers                 Optimus and BigMac: printed claims beside predictions
//
// Prints the summary; with -o writes accuracy.md (every row), accuracy.csv and accuracy.svg.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "bigmac/base/json_reader.h"
#include "report.h"
#include "seeds.h"

namespace {

struct Options {
  bool papers = false;
  std::string jobs = "configs/jobs";
  std::string cases = "bench/accuracy/cases", data = accuracy::default_data(), out;
};

void write_files(const std::string& folder, const std::vector<accuracy::GroupResult>& groups) {
  std::filesystem::create_directories(folder);
  bigmac::write_text_file(folder + "/accuracy.md", accuracy::markdown_report(groups));
  bigmac::write_text_file(folder + "/accuracy.csv", accuracy::csv_report(groups));
  bigmac::write_text_file(folder + "/accuracy.svg", accuracy::scatter_plot(groups));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Predictions against published measurements.");
  Options options;
  app.add_option("--cases", options.cases, "folder of case files");
  app.add_option("--data", options.data, "folder of measurements that case files refer to");
  app.add_option("-o,--out", options.out, "folder for the report: every row, CSV, plot");
  app.add_flag("--papers", options.papers, "Optimus and BigMac instead: their printed claims beside predictions");
  app.add_option("--jobs", options.jobs, "folder of the jobs that --papers reads");
  CLI11_PARSE(app, argc, argv);
  try {
    if (options.papers) {
      std::printf("%s\n%s", accuracy::optimus_table(options.jobs).c_str(),
                  accuracy::bigmac_table(options.jobs).c_str());
      return 0;
    }
    const std::vector<accuracy::Group> groups = accuracy::load_groups(options.cases, options.data);
    const std::vector<accuracy::GroupResult> results = accuracy::predict_all(groups);
    std::fputs(accuracy::summary_table(results).c_str(), stdout);
    for (const accuracy::Group& group : groups)
      if (group.rows.empty())
        std::fprintf(stderr, "%s: no measurements under %s\n", group.title.c_str(), options.data.c_str());
    if (!options.out.empty()) write_files(options.out, results);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bigmac-accuracy: %s\n", e.what());
    return 2;
  }
  return 0;
}
