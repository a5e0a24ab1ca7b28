// bigmac-accuracy: predictions against published measurements.
//
//   bigmac-accuracy --data ../shared/data -o out/accuracy
//   bigmac-accuracy --papers                 Optimus and BigMac: printed claims beside predictions
//
// Prints the summary; with -o writes accuracy.md (every row), accuracy.csv and accuracy.svg.
#include <filesystem>
#include <string>
#include <vector>

#include "bigmac/base/json_reader.h"
#include "program.h"
#include "report.h"
#include "seeds.h"
#include "self_description.h"

namespace bigmac::apps {
namespace {

struct Options {
  bool papers = false;
  std::string jobs = "configs/jobs";
  std::string cases = "bench/accuracy/cases", data = accuracy::default_data(), out;
};

void write_files(const std::string& folder, const std::vector<accuracy::GroupResult>& groups) {
  std::filesystem::create_directories(folder);
  write_text_file(folder + "/accuracy.md", accuracy::markdown_report(groups));
  write_text_file(folder + "/accuracy.csv", accuracy::csv_report(groups));
  write_text_file(folder + "/accuracy.svg", accuracy::scatter_plot(groups));
}

int main_program(int argc, char** argv) {
  CLI::App app("Predictions against published measurements", "bigmac-accuracy");
  Options options;
  app.add_option("--cases", options.cases, "folder of case files");
  app.add_option("--data", options.data, "folder of measurements that case files refer to");
  app.add_option("-o,--out", options.out, "folder for the report: every row, CSV, plot");
  app.add_flag("--papers", options.papers, "Optimus and BigMac instead: their printed claims beside predictions");
  app.add_option("--jobs", options.jobs, "folder of the jobs that --papers reads");
  describe_itself(app);
  if (const auto code = parse_command_line(app, argc, argv)) return *code;
  if (options.papers) {
    fmt::print("{}\n{}\n{}", accuracy::optimus_table(options.jobs), accuracy::optimus_bubbles(options.jobs),
               accuracy::bigmac_table(options.jobs));
    return kDone;
  }
  const std::vector<accuracy::Group> groups = accuracy::load_groups(options.cases, options.data);
  const std::vector<accuracy::GroupResult> results = accuracy::predict_all(groups);
  fmt::print("{}", accuracy::summary_table(results));
  for (const accuracy::Group& group : groups)
    if (group.rows.empty()) note(fmt::format("{}: no measurements under {}", group.title, options.data));
  if (!options.out.empty()) write_files(options.out, results);
  return kDone;
}

}  // namespace
}  // namespace bigmac::apps

int main(int argc, char** argv) {
  return bigmac::apps::run_program([&] { return bigmac::apps::main_program(argc, argv); });
}
