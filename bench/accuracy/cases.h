// A case: a published run, as a job and what was measured of it.
//
// Cases are data files (cases/*.json, schema bigmac.accuracy/1): a source, a job that the rows share, and per row a
// merge patch (RFC 7386) on that job and the measured numbers. So a row goes through the very reader and chain that a
// user's job does. Knobs that a source does not print are left out of its job: predict.h says how they are chosen.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bigmac/workload/job.h"

namespace accuracy {

/// What was published of a run; a step time may be given as such, as a rate of FLOPs, or as a rate of samples.
struct Measured {
  std::optional<double> step_s;
  std::optional<double> memory_bytes;  ///< most on any GPU
};

enum class Use { fitted, tested };

struct Row {
  std::string name;
  bigmac::Job job;
  std::string schedule;  ///< empty: 1f1b, or interleaved where vpp > 1
  Measured measured;
  Use use = Use::tested;
};

struct Group {
  std::string name, title, source, assumed;
  std::string constants;   ///< the cluster file whose calibration the group's fitted rows serve, "a100-80g"
  bool from_data = false;  ///< its rows lie in the folder of measurements, not in the case file
  std::vector<Row> rows;
};

/// `data`: the folder of measurements that a file names by "csv". A group whose data is not there has no rows. Throws
/// Error{bad_input}.
Group load_group(const std::string& path, const std::string& data);

/// The same from text; `path` names it and is what relative paths in it start from.
Group parse_group(const std::string& text, const std::string& path, const std::string& data);

/// Where measurements lie: $BIGMAC_SHARED/data, or ../shared/data beside the working folder.
std::string default_data();

/// All groups of a folder, by file name.
std::vector<Group> load_groups(const std::string& folder, const std::string& data);

}  // namespace accuracy
