// Schedule files, schema bigmac.schedule/1: written for trainers, read from anyone.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bigmac/report/outcome.h"
#include "bigmac/workload/job.h"

namespace bigmac {

inline constexpr const char* kVersion = "0.1.0";

/// Memory of one GPU of a rank that does not change during the iteration, and what it adds up to.
struct RankMemory {
  Bytes weights{}, gradients{}, optimizer{}, buffers{};
  Bytes activations{};  ///< peak of kept and transient activations
  Bytes total() const { return weights + gradients + optimizer + buffers + activations; }
};

/// What a plan adds to its schedule; absent for abstract jobs.
struct PlanFacts {
  std::string parallel;            ///< JSON object: degrees per module
  std::string partition;           ///< JSON object: layers of each stage, per module
  std::vector<RankMemory> memory;  ///< by rank, per GPU
  Nanoseconds step{};              ///< iteration plus what lies outside the pipeline
  std::string outside;             ///< JSON object: those parts, ns
  double mfu = 0;
  std::string cost_origins;  ///< JSON array of lines: which layer costs were measured, which filled in; empty: none was
};

/// Everything the file says. `job` is the resolved job; its pipeline and costs are replaced by the
/// given ones, so that the file alone re-times.
struct ScheduleFile {
  std::string generator_name = "bigmac-sim";
  Job job;
  Pipeline pipeline;
  CostTable costs;  ///< what the operations are listed with
  Schedule schedule;
  /// Where encoder kernels ride: the job's costs, before what rides is taken off (schedule/rides.h).
  std::optional<CostTable> before_rides = {};
  std::optional<PlanFacts> plan;

  /// The job's costs for the schedule that is there: what rides is taken off.
  void take_costs(const CostTable& job_costs);
};

/// The file's text: one operation a line, floats with 6 decimals, the same bytes for the same input.
std::string schedule_file_text(const ScheduleFile& file, const Outcome& outcome);

/// Where the file states times and peaks, they are kept here to be compared with ours.
struct StatedResult {
  std::vector<std::optional<OpTimes>> ops;  ///< by index into Schedule::ops
  std::optional<Nanoseconds> iteration;
  std::vector<std::optional<Bytes>> peak_activation;  ///< by rank
  std::vector<std::optional<Bytes>> memory_total;     ///< by rank, where a plan states it
  std::optional<Bytes> memory_limit;
};

struct ReadSchedule {
  ScheduleFile file;
  StatedResult stated;
  std::vector<std::string> notes;
};

/// Reads a schedule file, whoever wrote it. A file without a job is timed by the durations it states. Throws
/// Error{bad_input} for what is no schedule file; whether the schedule can run is not asked here.
ReadSchedule parse_schedule(const std::string& text, const std::string& file);

/// The first disagreement between what a file states and what its order gives, or nothing.
std::optional<std::string> find_disagreement(const ReadSchedule& read, const Outcome& outcome);

}  // namespace bigmac
