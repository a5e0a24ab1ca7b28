#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/runner/run.h"

namespace bigmac::runner {
namespace {

double off_by(const RunReport& report) { return report.measured_seconds / report.predicted_seconds - 1; }

std::size_t messages(const RunReport& report) {
  std::size_t sum = 0;
  for (const RankReport& rank : report.ranks) sum += rank.sent;
  return sum;
}

std::string compute_lines(const RunReport& report) {
  const GradientReport& g = report.gradients;
  return fmt::format(
      "loss       {:.15g}, run plainly {:.15g}\n"
      "gradients  {} weight tensors, largest relative difference {:.2g}\n",
      g.loss, g.plain_loss, g.tensors, g.relative_difference);
}

std::string sleep_lines(const RunReport& report) {
  double processor = 0;
  for (const RankReport& rank : report.ranks) processor += rank.processor_seconds;
  return fmt::format(
      "iteration  predicted {:.4f} s, measured {:.4f} s ({:+.2f} %); {:.2f} s of processor time on all ranks\n",
      report.predicted_seconds, report.measured_seconds, 100 * off_by(report), processor);
}

std::string memory_lines(const RunReport& report) {
  std::string out = fmt::format(" rank {:>18} {:>18}", "planned peak", "peak as run");
  if (report.computed) out += fmt::format(" {:>18} {:>18}", "model planned", "model as run");
  for (std::size_t rank = 0; rank < report.ranks.size(); ++rank) {
    const RankReport& r = report.ranks[rank];
    out += fmt::format("\n {:4} {:>16} B {:>16} B", rank, r.planned_peak.value, r.peak.value);
    if (report.computed) out += fmt::format(" {:>16} B {:>16} B", r.model_planned_peak.value, r.model_peak.value);
  }
  return out + "\n";
}

Json rank_json(const RunReport& report, std::size_t rank) {
  const RankReport& r = report.ranks[rank];
  Json out = {{"rank", rank},
              {"planned_peak_activation_bytes", r.planned_peak.value},
              {"peak_activation_bytes", r.peak.value},
              {"seconds", r.seconds},
              {"processor_seconds", r.processor_seconds},
              {"messages", r.sent}};
  if (!report.computed) return out;
  out["model_planned_peak_bytes"] = r.model_planned_peak.value;
  out["model_peak_bytes"] = r.model_peak.value;
  out["model_recomputed_peak_bytes"] = r.recomputed_peak.value;
  out["model_held_for_weights_peak_bytes"] = r.held_peak.value;
  return out;
}

}  // namespace

std::string run_table(const std::string& file_name, const ScheduleFile& file, const RunReport& report) {
  const std::string verdict = report.failures.empty()
                                  ? std::string("as promised")
                                  : fmt::format("NOT as promised:\n  {}", fmt::join(report.failures, "\n  "));
  const Schedule& schedule = file.schedule;
  return fmt::format("{}: {}{} on {} ranks, {} operations, {} messages\n{}{}{}\n", file_name,
                     schedule.name.empty() ? "unnamed" : schedule.name,
                     schedule.base.empty() ? "" : " over " + schedule.base, schedule.ranks(), schedule.ops.size(),
                     messages(report), report.computed ? compute_lines(report) : sleep_lines(report),
                     memory_lines(report), verdict);
}

std::string run_json(const std::string& file_name, const ScheduleFile& file, const RunReport& report) {
  Json out = {{"file", file_name},
              {"schedule", file.schedule.name},
              {"base", file.schedule.base},
              {"operations", file.schedule.ops.size()},
              {"messages", messages(report)}};
  if (report.computed) {
    const GradientReport& g = report.gradients;
    out["loss"] = g.loss;
    out["plain_loss"] = g.plain_loss;
    out["gradient_relative_difference"] = g.relative_difference;
    out["weight_tensors"] = g.tensors;
  } else {
    out["predicted_seconds"] = report.predicted_seconds;
    out["measured_seconds"] = report.measured_seconds;
  }
  for (std::size_t rank = 0; rank < report.ranks.size(); ++rank) out["ranks"].push_back(rank_json(report, rank));
  out["failures"] = report.failures;
  return out.dump() + "\n";
}

}  // namespace bigmac::runner
