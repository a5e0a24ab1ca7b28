// report.html: one self-contained page for a plan; opens from disk, asks nothing of the network.
#pragma once

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
  double bubble = 0;     ///< fraction of the pipeline's time
  std::string bound_by;  ///< may be empty
};

struct HtmlReport {
  std::string title;               ///< the job's name
  std::vector<std::string> facts;  ///< the job in a few lines: model, cluster, data, batch, limits
  std::vector<std::string> notes;  ///< what was assumed
  std::vector<PlanRow> best;       ///< the chosen plan first
  std::vector<PlanRow> front;      ///< fastest first
};

/// The front as a scatter plot, the chosen plan's schedule as a timeline per rank with memory under it, the ranking,
/// the job and its assumptions; drawn on the server as SVG, with titles on hover. Timelines over 40,000 operations are
/// cut to the warm-up and the cool-down, and say so.
std::string report_html(const HtmlReport& report, const ScheduleFile& file, const Outcome& outcome);

}  // namespace bigmac
