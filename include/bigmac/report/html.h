// report.html: one self-contained page for a plan; opens from disk, asks nothing of the network.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bigmac/report/schedule_file.h"

namespace bigmac {

/// One plan of a ranking or a front.
struct PlanRow {
  std::string plan;      ///< "tp2 pp4 v2 dp16 ep8 mb1 full"
  std::string schedule;  ///< "bigmac over interleaved"
  Nanoseconds step{};
  Bytes memory{};
  double mfu = 0;
  double bubble = 0;                   ///< fraction of the pipeline's time
  std::string bound_by;                ///< may be empty
  std::optional<std::size_t> drawing;  ///< its schedule, an index into HtmlReport::drawings
};

struct HtmlReport {
  std::string title;               ///< the job's name
  std::vector<std::string> facts;  ///< the job in a few lines: model, cluster, data, batch, limits
  std::vector<std::string> notes;  ///< what was assumed
  std::vector<PlanRow> best;       ///< the chosen plan first
  std::vector<PlanRow> front;      ///< fastest first
  /// Schedules that the page can show besides the chosen one's, by drawing_json; empty: the chosen one alone.
  std::vector<std::string> drawings;
  std::string left_out;  ///< which plans have no drawing, and why; may be empty
};

/// One schedule with its times and memory, in columns, for HtmlReport::drawings.
std::string drawing_json(const ScheduleFile& file, const Outcome& outcome);

/// What a page says of one schedule as a plan.
PlanRow row_of(const ScheduleFile& file, const Outcome& outcome);

/// The interactive page that web/ describes, with everything it shows inside: the front of time and memory, the
/// timeline of each plan drawn, memory over time, two plans compared, tables. Built without Node, or with more than
/// 2,000,000 operations in the chosen schedule, it is static_report_html's page.
std::string report_html(const HtmlReport& report, const ScheduleFile& file, const Outcome& outcome);

/// Whether report_html has an interactive page to give.
bool has_interactive_report();

/// The front as a scatter plot, the chosen plan's schedule as a timeline per rank with memory under it, the ranking,
/// the job and its assumptions; drawn here as SVG, with titles on hover. Timelines over 40,000 operations are
/// cut to the warm-up and the cool-down, and say so.
std::string static_report_html(const HtmlReport& report, const ScheduleFile& file, const Outcome& outcome);

}  // namespace bigmac
