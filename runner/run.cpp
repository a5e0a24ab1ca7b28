#include "bigmac/runner/run.h"

#include <algorithm>
#include <cmath>
#include <ctime>

#include <sys/resource.h>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/runner/executor.h"
#include "bigmac/runner/plain.h"
#include "bigmac/runner/sleep.h"
#include "copies.h"

namespace bigmac::runner {
namespace {

double processor_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

RankReport rank_report(const StepResult& step, double processor_before) {
  RankReport out;
  out.peak = step.peak_activation;
  out.seconds = std::chrono::duration<double>(step.elapsed).count();
  out.processor_seconds = processor_seconds() - processor_before;
  out.sent = step.sent;
  return out;
}

/// Every rank's report, on every rank; sizes below 2^53 pass through a double unchanged.
std::vector<RankReport> gather_reports(Session& session, const RankReport& mine) {
  const auto number = [](Bytes bytes) { return static_cast<double>(bytes.value); };
  const auto bytes = [](double value) { return Bytes{static_cast<std::int64_t>(value)}; };
  std::vector<RankReport> out;
  for (const auto& n : session.gather({number(mine.peak), number(mine.model_planned_peak), number(mine.model_peak),
                                       number(mine.recomputed_peak), number(mine.held_peak), mine.seconds,
                                       mine.processor_seconds, static_cast<double>(mine.sent)}))
    out.push_back({{},
                   bytes(n[0]),
                   bytes(n[1]),
                   bytes(n[2]),
                   bytes(n[3]),
                   bytes(n[4]),
                   n[5],
                   n[6],
                   static_cast<std::size_t>(n[7])});
  return out;
}

void check_memory(const ScheduleFile& file, RunReport& report) {
  const auto planned = activations_in_order(file.pipeline, file.schedule, file.costs);
  for (std::size_t rank = 0; rank < report.ranks.size(); ++rank) {
    RankReport& r = report.ranks[rank];
    r.planned_peak = planned[rank].peak;
    if (r.peak != r.planned_peak)
      report.failures.push_back(fmt::format("rank {} held {} activation bytes at its peak, the plan says {}", rank,
                                            r.peak.value, r.planned_peak.value));
    if (r.model_peak != r.model_planned_peak)
      report.failures.push_back(fmt::format("rank {} held {} bytes of the model's tensors at its peak, expected {}",
                                            rank, r.model_peak.value, r.model_planned_peak.value));
  }
}

GradientReport check_gradients(Session& session, const Model& model, const Collected& collected, double loss) {
  GradientReport out;
  for (const auto& numbers : session.gather({loss})) out.loss += numbers[0];
  double verdict[3] = {};
  if (session.rank().value == 0) {
    const PlainStep plain = run_plainly(model, [&] { session.beat(); });
    const GradientDifference worst = compare_gradients(collected.gradients, plain.gradients);
    out.plain_loss = plain.loss;
    out.tensors = worst.tensors;
    out.where = fmt::format("{} stage {}", model.pipeline.modules[worst.stage.module].name, worst.stage.stage.value);
    verdict[0] = plain.loss, verdict[1] = worst.relative, verdict[2] = collected.copies_agree;
  }
  const auto all = session.gather({verdict[0], verdict[1], verdict[2]});
  out.plain_loss = all[0][0], out.relative_difference = all[0][1], out.copies_agree = all[0][2] != 0;
  return out;
}

void judge_gradients(RunReport& report) {
  const GradientReport& g = report.gradients;
  const double loss = std::abs(g.loss - g.plain_loss) / std::abs(g.plain_loss);
  if (!(loss <= kGradientTolerance))
    report.failures.push_back(fmt::format("the loss is {:.17g}, plainly run {:.17g}", g.loss, g.plain_loss));
  if (!(g.relative_difference <= kGradientTolerance))
    report.failures.push_back(fmt::format("gradients differ by {:.3g} in {}", g.relative_difference, g.where));
  if (!g.copies_agree) report.failures.push_back("ranks that hold the same stage ended with different gradients");
}

std::vector<Nanoseconds> durations_of(const Schedule& schedule, const Outcome& outcome, RankId rank) {
  std::vector<Nanoseconds> out;
  for (std::uint32_t i = schedule.first[rank.value]; i < schedule.first[rank.value + 1]; ++i) {
    const OpTimes times = op_times(outcome.graph, outcome.slots, outcome.timing, i);
    out.push_back(times.end - times.start);
  }
  return out;
}

void judge_times(RunReport& report) {
  for (const RankReport& rank : report.ranks) report.measured_seconds = std::max(report.measured_seconds, rank.seconds);
}

}  // namespace

void refuse_too_many_products(const Pipeline& pipeline, std::uint32_t largest_tag) {
  const std::uint32_t needed = ProductNumbers(pipeline).count();
  if (needed > largest_tag)
    bad_input("/pipeline", fmt::format("{} products need a message tag each, MPI has {} here", needed, largest_tag));
}

RunReport run_compute(Session& session, const ScheduleFile& file, const RunOptions& options) {
  const Model model = make_model(file.pipeline, options.seed);
  ComputeWork work(model, file.schedule, session.rank());
  Messenger messenger(session, options.send);
  const double before = processor_seconds();
  const StepResult step = run_step(session, messenger, file.pipeline, file.schedule, file.costs, work);
  RankReport mine = rank_report(step, before);
  BIGMAC_CHECK(work.passes_alive() == 0);
  mine.model_planned_peak = planned_kept_bytes(model, file.schedule, session.rank());
  const ComputeMemory peak = work.peak();
  mine.model_peak = peak.kept, mine.recomputed_peak = peak.recomputed, mine.held_peak = peak.held;
  const auto holders = holders_of(file.pipeline, file.schedule);
  Gradients gradients = work.take_gradients();
  sum_copies(session, options.send, holders, gradients);
  RunReport report;
  report.computed = true;
  report.gradients =
      check_gradients(session, model, collect(session, options.send, model, holders, gradients), work.loss());
  report.ranks = gather_reports(session, mine);
  judge_times(report);
  judge_gradients(report);
  check_memory(file, report);
  return report;
}

RunReport run_sleep(Session& session, const ScheduleFile& file, const Outcome& outcome, const RunOptions& options) {
  // A rank that only sleeps should wake on time, also where others compute; without the right to ask, nothing changes.
  setpriority(PRIO_PROCESS, 0, -10);
  Messenger messenger(session, options.send);
  SleepWork work(file.pipeline, file.costs, durations_of(file.schedule, outcome, session.rank()), messenger,
                 options.scale);
  const double before = processor_seconds();
  const StepResult step = run_step(session, messenger, file.pipeline, file.schedule, file.costs, work);
  RunReport report;
  report.ranks = gather_reports(session, rank_report(step, before));
  report.predicted_seconds = static_cast<double>(outcome.iteration.value) * 1e-9 * options.scale;
  judge_times(report);
  check_memory(file, report);
  return report;
}

}  // namespace bigmac::runner
