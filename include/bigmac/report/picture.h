// A schedule as one picture in the style of the papers: a row per rank, a box per operation, for a page or a slide.
#pragma once

#include <string>

#include "bigmac/report/schedule_file.h"

namespace bigmac {

struct PictureOptions {
  double width = 1100;  ///< CSS pixels; at least 400
  Nanoseconds time{};   ///< what the time axis spans, so that pictures can share it; less than the iteration: that
  std::string title;    ///< empty: the schedule's name and its time
};

/// A self-contained SVG. Boxes carry the number of their microbatch where it fits. Where boxes are too narrow to be
/// told apart (64 ranks, a thousand operations each) rows are bands: each narrow column has the colour of one
/// operation, and colours take turns in proportion to their time.
std::string schedule_picture(const ScheduleFile& file, const Outcome& outcome, const PictureOptions& options = {});

}  // namespace bigmac
