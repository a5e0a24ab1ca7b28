// bigmac-sim: build and simulate one schedule, check any schedule file, list what there is.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <algorithm>

#include <CLI/CLI.hpp>

#include "bigmac/base/json_reader.h"
#include "bigmac/report/exports.h"
#include "bigmac/report/schedule_file.h"
#include "bigmac/report/tables.h"
#include "bigmac/report/trace.h"
#include "bigmac/schedule/registry.h"
#include "program.h"
#include "self_description.h"
#include "sim_pictures.h"
#include "sim_studies.h"

namespace bigmac::apps {
namespace {

struct CheckOptions {
  std::string file;
  bool json = false, draw = false;
};

struct ExportOptions {
  std::string file, format, output;
  bool json = false;
};

int check_file(const CheckOptions& options) {
  const ReadSchedule read = parse_schedule(read_text_file(options.file), options.file);
  for (const std::string& text : read.notes) note(text);
  if (const auto fault = find_incompleteness(read.file.pipeline, read.file.schedule)) return report_fault(*fault);
  auto result = simulate(read.file.pipeline, read.file.costs, read.file.schedule);
  if (const auto* fault = std::get_if<Fault>(&result)) return report_fault(*fault);
  const Outcome& outcome = std::get<Outcome>(result);
  if (const auto disagreement = find_disagreement(read, outcome)) {
    fmt::print(stderr, "invalid schedule: the file disagrees with itself: {}\n", *disagreement);
    return kInvalidSchedule;
  }
  print_outcome(read.file, outcome, options.json, options.draw);
  if (!options.json) fmt::print("valid\n");
  return kDone;
}

const std::vector<std::string>& export_formats() {
  static const std::vector<std::string> formats = {"torch-csv", "megatron-layout", "chrome", "csv"};
  return formats;
}

int export_file(const ExportOptions& options) {
  const std::vector<std::string>& formats = export_formats();
  if (std::find(formats.begin(), formats.end(), options.format) == formats.end())
    bad_input("--format", unknown_name("format", options.format, formats));
  const std::string text = read_text_file(options.file);
  const ReadSchedule read = parse_schedule(text, options.file);
  if (const auto fault = find_incompleteness(read.file.pipeline, read.file.schedule)) return report_fault(*fault);
  auto result = simulate_quickly(read.file.pipeline, read.file.costs, read.file.schedule);
  if (const auto* fault = std::get_if<Fault>(&result)) return report_fault(*fault);
  const Outcome& outcome = std::get<Outcome>(result);
  Export out;
  if (options.format == "torch-csv") out = torch_csv(read.file);
  if (options.format == "megatron-layout") out = megatron_layout(read.file, read_layer_kinds(text, options.file));
  if (options.format == "csv") out = operations_csv(read.file, outcome);
  if (options.format == "chrome")
    out.text = chrome_trace(read.file.pipeline, read.file.costs, read.file.schedule, outcome);
  for (const std::string& what : out.dropped) note("not carried: " + what);
  write_text_file(options.output, options.output.ends_with(".gz") ? gzipped(out.text) : out.text);
  if (options.json) print_written(options.output, out.dropped);
  return kDone;
}

int list_schedules(bool json) {
  fmt::print("{}", json ? schedules_json() : schedules_table());
  return kDone;
}

KnownValues known_values() {
  KnownValues out = schedule_values();
  out.insert({"--format", export_formats()});
  return out;
}

int main_program(int argc, char** argv) {
  CLI::App app("Builds and simulates pipeline schedules; checks schedule files", "bigmac-sim");
  app.require_subcommand(1);
  RunOptions run;
  CLI::App* run_command = app.add_subcommand("run", "build one schedule and simulate it");
  run_command->add_option("JOB", run.job, "job file, schema bigmac.job/1")->required();
  run_command->add_option("--schedule", run.schedule, "name, as `bigmac-sim list` shows it")->required();
  run_command->add_option("--base", run.base, "LLM pipeline beneath (default: interleaved, or 1f1b for one chunk)");
  run_command->add_option("--set", run.set, "PARAMETER=VALUE, as `bigmac-sim list` names them");
  run_command->add_option("-o,--output", run.output, "write the schedule file here");
  run_command->add_option("--trace", run.trace, "write a Chrome trace here (.gz: compressed)");
  run_command->add_flag("--draw", run.draw, "print the schedule as text too");
  run_command->add_flag("--json", run.json, "print the result as JSON");
  FrontierOptions frontier;
  CLI::App* frontier_command =
      app.add_subcommand("frontier", "time against what ranks hold: hybrid at every limit, every schedule beside it");
  frontier_command->add_option("JOB", frontier.job, "job file, schema bigmac.job/1, with an encoder")->required();
  frontier_command->add_option("--base", frontier.base, "LLM pipeline beneath (default: interleaved or 1f1b)");
  frontier_command->add_option("-o,--output", frontier.output, "draw it here, as .svg");
  frontier_command->add_flag("--json", frontier.json, "print as JSON");
  CheckOptions check;
  CLI::App* check_command = app.add_subcommand("check", "validate and re-time a schedule file, whoever wrote it");
  check_command->add_option("SCHEDULE", check.file, "schedule file, schema bigmac.schedule/1")->required();
  check_command->add_flag("--draw", check.draw, "print the schedule as text too");
  check_command->add_flag("--json", check.json, "print the result as JSON");
  ExportOptions exported;
  CLI::App* export_command = app.add_subcommand("export", "write a schedule file in another trainer's format");
  export_command->add_option("SCHEDULE", exported.file, "schedule file, schema bigmac.schedule/1")->required();
  export_command->add_option("--format", exported.format, "torch-csv, megatron-layout, chrome or csv")->required();
  export_command->add_option("-o,--output", exported.output, "the file to write (.gz: compressed)")->required();
  export_command->add_flag("--json", exported.json, "print what was written as JSON");
  bool list_json = false;
  CLI::App* list_command = app.add_subcommand("list", "every schedule: name, one line, paper, what it requires");
  list_command->add_flag("--json", list_json, "print as JSON");
  DrawOptions drawn;
  CLI::App* draw_command = app.add_subcommand("draw", "a picture of a schedule file, as papers print them");
  draw_command->add_option("SCHEDULE", drawn.file, "schedule file, schema bigmac.schedule/1")->required();
  draw_command->add_option("-o,--output", drawn.output, "the picture to write: .svg, .png or .pdf")->required();
  draw_command->add_option("--width", drawn.width, "in pixels (default 1100)")->check(CLI::Range(400, 20000));
  draw_command->add_option("--time", drawn.time_ns, "nanoseconds the time axis spans (default: the iteration)")
      ->check(CLI::NonNegativeNumber);
  draw_command->add_option("--title", drawn.title, "its heading (default: the schedule and its time)");
  draw_command->add_flag("--json", drawn.json, "print what was written as JSON");
  ReportOptions reported;
  CLI::App* report_command = app.add_subcommand("report", "one page about one or several schedule files, to compare");
  report_command->add_option("SCHEDULE", reported.files, "schedule files, schema bigmac.schedule/1")->required();
  report_command->add_option("-o,--output", reported.output, "the page to write, such as report.html")->required();
  report_command->add_option("--title", reported.title, "its heading (default: the job's name)");
  report_command->add_flag("--json", reported.json, "print what was written as JSON");
  describe_itself(app, known_values());
  if (const auto code = parse_command_line(app, argc, argv)) return *code;
  if (run_command->parsed()) return run_job(run);
  if (frontier_command->parsed()) return draw_frontier(frontier);
  if (check_command->parsed()) return check_file(check);
  if (export_command->parsed()) return export_file(exported);
  if (draw_command->parsed()) return draw_file(drawn);
  if (report_command->parsed()) return report_files(reported);
  return list_schedules(list_json);
}

}  // namespace
}  // namespace bigmac::apps

int main(int argc, char** argv) {
  return bigmac::apps::run_program([&] { return bigmac::apps::main_program(argc, argv); });
}
