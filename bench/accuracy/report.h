// The report of a run of all cases: tables for people, CSV for machines, a plot.
#pragma once

#include <string>
#include <vector>

#include "cases.h"
#include "predict.h"
#include "summary.h"

namespace accuracy {

/// A row with what was predicted of it.
struct Result {
  const Row* row = nullptr;
  Prediction prediction;
  double time_error() const;    ///< relative; 0 where no time was measured
  double memory_error() const;  ///< likewise
};

struct GroupResult {
  const Group* group = nullptr;
  std::vector<Result> results;
};

std::vector<GroupResult> predict_all(const std::vector<Group>& groups);

enum class Part { fitted, tested, memory };
Summary summary_of(const std::vector<GroupResult>& groups, Part part);

/// One Markdown line per group and set, time then memory, and the sums over all groups whose rows every checkout has.
std::string summary_table(const std::vector<GroupResult>& groups);
/// Every row: what was predicted, measured, off, which plan was simulated, fitted or tested; sources and assumptions.
std::string markdown_report(const std::vector<GroupResult>& groups);
std::string csv_report(const std::vector<GroupResult>& groups);
/// Predicted against measured step time on logarithmic axes, a colour per group; SVG.
std::string scatter_plot(const std::vector<GroupResult>& groups);

}  // namespace accuracy
