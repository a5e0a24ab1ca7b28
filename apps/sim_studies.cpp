#include "sim_studies.h"

#include <map>
#include <thread>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/planner/frontier.h"
#include "bigmac/report/tables.h"
#include "bigmac/report/trace.h"
#include "program.h"
#include "sim_pictures.h"

namespace bigmac::apps {
namespace {

std::map<std::string, std::int64_t> parse_settings(const std::vector<std::string>& settings) {
  std::map<std::string, std::int64_t> out;
  for (const std::string& setting : settings) {
    const auto equals = setting.find('=');
    if (equals == std::string::npos) bad_input("--set " + setting, "expected PARAMETER=VALUE");
    const std::string name = setting.substr(0, equals), value = setting.substr(equals + 1);
    std::size_t used = 0;
    try {
      out[name] = std::stoll(value, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used == 0 || used != value.size())
      bad_input("--set " + name, fmt::format("expected an integer, found '{}'", value));
  }
  return out;
}

int all_cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

Job load_with_notes(const std::string& path) {
  Job job = load_job(path);
  for (const std::string& text : job.notes) note(text);
  return job;
}

}  // namespace

int run_job(const RunOptions& options) {
  const ScheduleChoice choice{options.schedule, options.base, parse_settings(options.set)};
  Study study = study_job(load_with_notes(options.job), choice, all_cores());
  if (!study.chosen.empty()) note(study.chosen);
  auto result = simulate_study(study, choice);
  if (const auto* fault = std::get_if<Fault>(&result)) return report_fault(*fault);
  const Outcome& outcome = std::get<Outcome>(result);
  const ScheduleFile& file = study.file;
  for (const std::string& text : file.schedule.notes) note(text);
  if (!options.output.empty()) write_text_file(options.output, schedule_file_text(file, outcome));
  if (!options.trace.empty()) {
    const std::string trace = chrome_trace(file.pipeline, file.costs, file.schedule, outcome);
    write_text_file(options.trace, options.trace.ends_with(".gz") ? gzipped(trace) : trace);
  }
  print_outcome(file, outcome, options.json, options.draw);
  return kDone;
}

int draw_frontier(const FrontierOptions& options) {
  const Frontier frontier = live_limit_frontier(load_with_notes(options.job), options.base, all_cores());
  if (!frontier.chosen.empty()) note(frontier.chosen);
  if (!options.output.empty()) write_text_file(options.output, frontier_chart(frontier));
  fmt::print("{}", options.json ? frontier_json(frontier) : frontier_table(frontier));
  return kDone;
}

}  // namespace bigmac::apps
