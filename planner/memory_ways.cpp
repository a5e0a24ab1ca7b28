#include "memory_ways.h"

#include <algorithm>
#include <optional>

namespace bigmac {
namespace {

std::optional<ParallelPlan> sharded(const Job& job, ParallelPlan plan) {
  if (plan.shard_sides || job.parallel.shard_sides || plan.encoder_pp > 1) return std::nullopt;
  plan.shard_sides = true;
  const bool shares = shard_group(job, plan, plan.encoder_tp) > 1 ||
                      (!job.model->generators.empty() && shard_group(job, plan, plan.generator_tp) > 1);
  return shares ? std::optional(plan) : std::nullopt;
}

std::vector<ParallelPlan> staged(const Job& job, ParallelPlan plan) {
  std::vector<ParallelPlan> out;
  if (plan.shard_sides || job.parallel.encoder_pp) return out;
  for (plan.encoder_pp = 2; plan.encoder_pp <= plan.pp; ++plan.encoder_pp)
    if (plan.pp % plan.encoder_pp == 0 &&
        std::all_of(job.model->encoders.begin(), job.model->encoders.end(), [&](const Module& encoder) {
          return encoder.layers.size() >= static_cast<std::size_t>(plan.encoder_pp);
        }))
      out.push_back(plan);
  return out;
}

std::optional<ParallelPlan> run_again(const Job& job, const Pipeline& pipeline, ParallelPlan plan) {
  const bool returns = std::any_of(pipeline.encoders.begin(), pipeline.encoders.end(),
                                   [&](ModuleId encoder) { return pipeline.modules[encoder].backward; });
  if (plan.recompute_of_encoders() == Recompute::full || job.parallel.encoder_recompute || !returns)
    return std::nullopt;
  plan.encoder_recompute = Recompute::full;
  return plan;
}

}  // namespace

std::vector<Study> memory_ways(const Study& study) {
  std::vector<Study> out = {study};
  if (!study.plan) return out;
  const Job& job = study.file.job;
  if (const auto plan = sharded(job, *study.plan)) out.push_back(under_plan(study, *plan));
  for (const ParallelPlan& plan : staged(job, *study.plan)) out.push_back(under_plan(study, plan));
  for (std::size_t i = 0, count = out.size(); i < count; ++i)
    if (const auto plan = run_again(job, study.file.pipeline, *out[i].plan)) out.push_back(under_plan(study, *plan));
  return out;
}

}  // namespace bigmac
