#include "bigmac/planner/frontier.h"

#include <algorithm>

#include "bigmac/base/error.h"
#include "bigmac/cost/plan_costs.h"
#include "bigmac/schedule/job_bound.h"
#include "bigmac/schedule/llm_base.h"
#include "bigmac/schedule/registry.h"

namespace bigmac {
namespace {

constexpr const char* kHybrid = "hybrid";

FrontierPoint point_of(Study& study, const ScheduleChoice& choice) {
  FrontierPoint out;
  out.schedule = choice.name;
  const auto limit = choice.parameters.find("encoder_live_limit");
  if (limit != choice.parameters.end()) out.limit = static_cast<std::uint32_t>(limit->second);
  try {
    auto result = simulate_study(study, choice);
    if (const auto* fault = std::get_if<Fault>(&result)) {
      out.refusal = fault->message;
      return out;
    }
    const Outcome& outcome = std::get<Outcome>(result);
    out.time = outcome.iteration;
    for (const RankActivations& rank : outcome.ranks)
      out.live = std::max(out.live, rank.live[static_cast<std::size_t>(Role::encoder)]);
    out.memory = memory_of(study, outcome);
  } catch (const Error& refusal) {
    out.refusal = refusal.what();
  }
  return out;
}

/// 1 to 6, then steps of a quarter to a third of what was reached.
std::int64_t next_limit(std::int64_t limit) {
  if (limit < 6) return limit + 1;
  std::int64_t step = 2;
  while (step * 8 <= limit) step *= 2;
  return limit + step;
}

/// The study under the same plan with encoder and generator weights sharded; nothing where that is the job's to say, or
/// where no GPUs of a node hold the same weights.
std::optional<Study> sharded_twin(const Study& study) {
  const Job& job = study.file.job;
  if (!study.plan || study.plan->shard_sides || job.parallel.shard_sides || study.plan->encoder_pp > 1)
    return std::nullopt;
  ParallelPlan plan = *study.plan;
  plan.shard_sides = true;
  const bool shares = shard_group(job, plan, plan.encoder_tp) > 1 ||
                      (!job.model->generators.empty() && shard_group(job, plan, plan.generator_tp) > 1);
  return shares ? std::optional(under_plan(study, plan)) : std::nullopt;
}

/// The study with encoders cut over all ranks; nothing where that is the job's to say, or there are too few layers.
std::optional<Study> staged_twin(const Study& study) {
  const Job& job = study.file.job;
  if (!study.plan || study.plan->pp == 1 || study.plan->shard_sides || job.parallel.encoder_pp) return std::nullopt;
  for (const Module& encoder : job.model->encoders)
    if (encoder.layers.size() < static_cast<std::size_t>(study.plan->pp)) return std::nullopt;
  ParallelPlan plan = *study.plan;
  plan.encoder_pp = plan.pp;
  return under_plan(study, plan);
}

EncoderWeights weights_of(const Study& study) {
  if (!study.plan) return EncoderWeights::whole;
  if (study.plan->encoder_pp > 1) return EncoderWeights::staged;
  return study.plan->shard_sides ? EncoderWeights::sharded : EncoderWeights::whole;
}

bool whole_backwards(const std::string& base) { return find_llm_base(base).plain; }

/// Whether the LLM's stages stand where the job's bound has them.
bool keeps_stages(const std::string& schedule) {
  const SidePlacement sides = find_schedule(schedule).sides;
  return sides != SidePlacement::one_list && sides != SidePlacement::own_ranks;
}

/// Hybrid at every limit that binds, then without one.
void add_hybrid(Study& study, const std::string& base, Frontier& out) {
  const std::size_t begin = out.points.size();
  const FrontierPoint free = point_of(study, {kHybrid, base, {}});
  const auto microbatches = static_cast<std::int64_t>(study.file.pipeline.microbatches);
  for (std::int64_t limit = 1; limit < std::min<std::int64_t>(free.live, microbatches); limit = next_limit(limit))
    out.points.push_back(point_of(study, {kHybrid, base, {{"encoder_live_limit", limit}}}));
  out.points.push_back(free);
  for (std::size_t i = begin; i < out.points.size(); ++i) {
    out.points[i].weights = weights_of(study);
    if (whole_backwards(study.file.schedule.base))
      out.points[i].bound = job_lower_bound(study.file.pipeline, study.costs, {out.points[i].limit, {}});
  }
}

}  // namespace

Frontier live_limit_frontier(Job job, const std::string& base, int threads) {
  Study study = study_job(std::move(job), {kHybrid, base, {}}, threads);
  if (study.file.pipeline.encoders.empty())
    bad_input("job", "has no encoder, so no encoder microbatches are held; expected a job with an encoder");
  Frontier out;
  out.title = study.file.job.name;
  out.chosen = study.chosen;
  out.whole_gpu = study.plan.has_value();
  add_hybrid(study, base, out);
  out.base = study.file.schedule.base;
  for (std::optional<Study> twin : {sharded_twin(study), staged_twin(study)})
    if (twin) add_hybrid(*twin, base, out);
  for (const ScheduleInfo& info : all_schedules())
    if (!info.is_base && info.name != kHybrid)
      out.points.push_back(point_of(study, {info.name, info.bases.empty() ? "" : base, {}}));
  if (whole_backwards(out.base)) out.bound = job_lower_bound(study.file.pipeline, study.costs);
  for (FrontierPoint& point : out.points)
    if (!point.bound && keeps_stages(point.schedule)) point.bound = out.bound;
  return out;
}

}  // namespace bigmac
