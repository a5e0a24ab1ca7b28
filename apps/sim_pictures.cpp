#include "sim_pictures.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <variant>

#include "bigmac/base/json_reader.h"
#include "bigmac/report/html.h"
#include "bigmac/report/picture.h"
#include "bigmac/report/tables.h"
#include "picture_formats.h"
#include "program.h"

namespace bigmac::apps {
namespace {

/// A schedule file, read, found complete, and timed; otherwise what is wrong with it.
struct Shown {
  ScheduleFile file;
  Outcome outcome;
};

std::variant<std::unique_ptr<Shown>, Fault> read_and_time(const std::string& path) {
  ReadSchedule read = parse_schedule(read_text_file(path), path);
  for (const std::string& text : read.notes) note(text);
  if (auto fault = find_incompleteness(read.file.pipeline, read.file.schedule)) return *fault;
  auto result = simulate(read.file.pipeline, read.file.costs, read.file.schedule);
  if (auto* fault = std::get_if<Fault>(&result)) return *fault;
  return std::make_unique<Shown>(Shown{std::move(read.file), std::move(std::get<Outcome>(result))});
}

/// Marks what no other row beats in both time and memory.
std::vector<PlanRow> front_of(const std::vector<PlanRow>& rows) {
  std::vector<PlanRow> out;
  for (const PlanRow& row : rows) {
    const bool beaten = std::any_of(rows.begin(), rows.end(), [&](const PlanRow& other) {
      return other.step <= row.step && other.memory <= row.memory &&
             (other.step < row.step || other.memory < row.memory);
    });
    if (!beaten) out.push_back(row);
  }
  std::stable_sort(out.begin(), out.end(), [](const PlanRow& a, const PlanRow& b) { return a.step < b.step; });
  return out;
}

}  // namespace

void print_outcome(const ScheduleFile& file, const Outcome& outcome, bool json, bool draw) {
  constexpr int kColumns = 80;
  fmt::print("{}", json ? outcome_json(file, outcome) : outcome_table(file, outcome));
  if (draw && !json) fmt::print("\n{}", text_timeline(file, outcome, kColumns, colours_on_stdout()));
}

void print_written(const std::string& output, const std::vector<std::string>& dropped) {
  fmt::print("{}\n", Json{{"written", output}, {"not_carried", dropped}}.dump());
}

int draw_file(const DrawOptions& options) {
  const std::string ending = std::filesystem::path(options.output).extension().string();
  if (const auto& known = picture_endings(); std::find(known.begin(), known.end(), ending) == known.end())
    bad_input("--output " + options.output, unknown_name("ending of a picture", ending, known));
  const auto read = read_and_time(options.file);
  if (const auto* fault = std::get_if<Fault>(&read)) return report_fault(*fault);
  const Shown& shown = *std::get<std::unique_ptr<Shown>>(read);
  const std::string svg =
      schedule_picture(shown.file, shown.outcome, {options.width, Nanoseconds{options.time_ns}, options.title});
  write_text_file(options.output, picture_as(svg, ending));
  if (options.json) print_written(options.output);
  return kDone;
}

int report_files(const ReportOptions& options) {
  HtmlReport report;
  std::unique_ptr<Shown> first;
  for (const std::string& path : options.files) {
    auto read = read_and_time(path);
    if (const auto* fault = std::get_if<Fault>(&read)) return report_fault(*fault);
    auto& shown = std::get<std::unique_ptr<Shown>>(read);
    PlanRow row = row_of(shown->file, shown->outcome);
    row.drawing = report.drawings.size();
    report.drawings.push_back(drawing_json(shown->file, shown->outcome));
    report.best.push_back(std::move(row));
    if (!first) first = std::move(shown);
  }
  report.title = !options.title.empty() ? options.title : first->file.job.name;
  report.front = front_of(report.best);
  for (const std::string& path : options.files)
    report.facts.push_back("schedule file " + std::filesystem::path(path).filename().string());
  write_text_file(options.output, report_html(report, first->file, first->outcome));
  if (options.json) print_written(options.output);
  return kDone;
}

}  // namespace bigmac::apps
