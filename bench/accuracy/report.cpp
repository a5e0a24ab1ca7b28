#include "report.h"

#include <algorithm>

#include <fmt/format.h>

namespace accuracy {
namespace {

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

std::string line(const std::string& what, const std::string& set, const Summary& s) {
  return fmt::format("| {} | {} | {} | {} | {} | {} |\n", what, set, s.rows, percent(s.median), percent(s.mean),
                     percent(s.worst));
}

std::string lines_of(const std::string& title, const std::vector<GroupResult>& groups) {
  std::string out;
  for (const auto& [part, name] :
       {std::pair{Part::fitted, "time, fitted"}, {Part::tested, "time, tested"}, {Part::memory, "memory"}}) {
    const Summary s = summary_of(groups, part);
    if (s.rows > 0) out += line(title, name, s);
  }
  return out;
}

std::string row_cells(const Result& result) {
  const Measured& measured = result.row->measured;
  std::string out = fmt::format("| {} | {} {} | ", result.row->name, result.prediction.chosen.label(),
                                result.prediction.chosen.schedule_label());
  if (measured.step_s)
    out += fmt::format("{:.4g} s | {:.4g} s | {:+.1f} % | ", result.prediction.step_s, *measured.step_s,
                       100 * result.time_error());
  else out += "| | | ";
  if (measured.memory_bytes)
    out += fmt::format("{:.2f} GB | {:.2f} GB | {:+.1f} % | ", 1e-9 * result.prediction.memory_bytes,
                       1e-9 * *measured.memory_bytes, 100 * result.memory_error());
  else out += "| | | ";
  return out + (result.row->use == Use::fitted ? "fitted |\n" : "tested |\n");
}

}  // namespace

double Result::time_error() const { return row->measured.step_s ? error(prediction.step_s, *row->measured.step_s) : 0; }

double Result::memory_error() const {
  return row->measured.memory_bytes ? error(prediction.memory_bytes, *row->measured.memory_bytes) : 0;
}

std::vector<GroupResult> predict_all(const std::vector<Group>& groups) {
  std::vector<GroupResult> out;
  for (const Group& group : groups) {
    GroupResult result{&group, {}};
    for (const Row& row : group.rows) result.results.push_back({&row, predict(row)});
    out.push_back(std::move(result));
  }
  return out;
}

Summary summary_of(const std::vector<GroupResult>& groups, Part part) {
  std::vector<double> errors;
  for (const GroupResult& group : groups)
    for (const Result& result : group.results) {
      const Measured& measured = result.row->measured;
      if (part == Part::memory && measured.memory_bytes) errors.push_back(result.memory_error());
      if (part != Part::memory && measured.step_s && (result.row->use == Use::fitted) == (part == Part::fitted))
        errors.push_back(result.time_error());
    }
  return summarise(std::move(errors));
}

std::string summary_table(const std::vector<GroupResult>& groups) {
  std::string out = "| published runs | what | rows | median | mean | worst |\n|---|---|---|---|---|---|\n";
  std::vector<GroupResult> printed;
  for (const GroupResult& group : groups) {
    out += lines_of(group.group->title, {group});
    if (!group.group->from_data) printed.push_back(group);
  }
  out += line("all but the first line's, constants frozen", "time, tested", summary_of(printed, Part::tested));
  return out + line("all", "memory", summary_of(printed, Part::memory));
}

std::string markdown_report(const std::vector<GroupResult>& groups) {
  std::string out = "# Predicted against measured\n\n" + summary_table(groups);
  for (const GroupResult& group : groups) {
    out += fmt::format("\n## {}\n\nSource: {}.", group.group->title, group.group->source);
    if (!group.group->assumed.empty()) out += fmt::format(" Assumed: {}.", group.group->assumed);
    if (group.results.empty()) out += " The measurements are not in this checkout.";
    out += "\n\n| run | simulated | predicted | measured | error | predicted | measured | error | use |\n";
    out += "|---|---|---|---|---|---|---|---|---|\n";
    for (const Result& result : group.results) out += row_cells(result);
  }
  return out;
}

std::string csv_report(const std::vector<GroupResult>& groups) {
  std::string out = "group,run,plan,schedule,use,predicted_s,measured_s,predicted_bytes,measured_bytes\n";
  for (const GroupResult& group : groups)
    for (const Result& result : group.results) {
      const Measured& measured = result.row->measured;
      out += fmt::format("{},\"{}\",{},{},{},{:.6f},{},{:.0f},{}\n", group.group->name, result.row->name,
                         result.prediction.chosen.label(), result.prediction.chosen.schedule_label(),
                         result.row->use == Use::fitted ? "fitted" : "tested", result.prediction.step_s,
                         measured.step_s ? fmt::format("{:.6f}", *measured.step_s) : "", result.prediction.memory_bytes,
                         measured.memory_bytes ? fmt::format("{:.0f}", *measured.memory_bytes) : "");
    }
  return out;
}

}  // namespace accuracy
