// One schedule file, run for real and compared with what it promises: what bigmac-run prints.
#pragma once

#include <string>
#include <vector>

#include "bigmac/report/schedule_file.h"
#include "bigmac/runner/compute.h"
#include "bigmac/runner/messenger.h"

namespace bigmac::runner {

struct RunOptions {
  SendMode send = SendMode::standard;
  std::uint64_t seed = 1;  ///< of weights and data (compute)
  double scale = 1;        ///< of planned time (sleep)
};

struct RankReport {
  Bytes planned_peak{}, peak{};              ///< activation bytes as the job states them: by order, and as run
  Bytes model_planned_peak{}, model_peak{};  ///< compute: the same in bytes of the model's own tensors
  Bytes recomputed_peak{}, held_peak{};      ///< compute: outside the plan's accounting (ComputeMemory)
  double seconds = 0;                        ///< from the common start to the end of this rank's last operation
  double processor_seconds = 0;              ///< processor time the rank used meanwhile
  std::size_t sent = 0;                      ///< messages
};

struct GradientReport {
  double loss = 0, plain_loss = 0;
  double relative_difference = 0;  ///< the largest of any weight tensor
  std::string where;               ///< "llm stage 3"
  std::size_t tensors = 0;
  bool copies_agree = true;  ///< ranks that hold the same stage ended with the same sums
};

struct RunReport {
  bool computed = false;  ///< compute mode: `gradients` holds
  std::vector<RankReport> ranks;
  GradientReport gradients;
  double predicted_seconds = 0;       ///< sleep: the schedule's iteration, scaled
  double measured_seconds = 0;        ///< until the last rank has ended
  std::vector<std::string> failures;  ///< what is not as promised, in words; empty: all is
};

/// The largest relative difference that passes: sums in double precision in another order.
inline constexpr double kGradientTolerance = 1e-10;

/// Every product of a step needs a message tag of its own. Throws Error{bad_input} where there are not enough.
void refuse_too_many_products(const Pipeline& pipeline, std::uint32_t largest_tag);

/// Collective: every rank calls it with the same file, already validated, `outcome` its simulation. The report is
/// complete on rank 0 and holds the same verdict on all ranks.
RunReport run_compute(Session& session, const ScheduleFile& file, const RunOptions& options);
RunReport run_sleep(Session& session, const ScheduleFile& file, const Outcome& outcome, const RunOptions& options);

/// For people and for machines. `file_name` heads the report.
std::string run_table(const std::string& file_name, const ScheduleFile& file, const RunReport& report);
std::string run_json(const std::string& file_name, const ScheduleFile& file, const RunReport& report);

}  // namespace bigmac::runner
