#include "predict.h"

#include <optional>

#include "bigmac/base/error.h"
#include "bigmac/planner/search.h"
#include "bigmac/planner/space.h"

namespace accuracy {
namespace {

using namespace bigmac;

constexpr std::int64_t kMostChunks = 24;

std::vector<std::int64_t> or_fixed(const std::optional<std::int64_t>& fixed, std::vector<std::int64_t> choices) {
  return fixed ? std::vector<std::int64_t>{*fixed} : choices;
}

std::int64_t body_layers(const Job& job) {
  std::int64_t count = 0;
  for (const Layer& layer : job.model->llm.layers) count += layer.kind == LayerKind::transformer ? 1 : 0;
  return count;
}

// Megatron-LM's rules: the batch divides; interleaving needs whole groups of microbatches and equal stages.
bool runs(const Job& job, const ParallelPlan& plan) {
  if (job.batch.global % (plan.micro_batch * plan.dp) != 0) return false;
  if (plan.vpp == 1) return true;
  const bool filled = !job.training.stage_layers.empty() || body_layers(job) >= std::int64_t{plan.pp} * plan.vpp - 2;
  return microbatches(job, plan) % plan.pp == 0 && filled;
}

std::vector<std::int64_t> chunk_choices(const Job& job, int pp) {
  std::vector<std::int64_t> out;
  if (job.parallel.vpp) return {*job.parallel.vpp};
  const std::int64_t layers = body_layers(job);
  for (std::int64_t v = 1; v <= kMostChunks; ++v) {
    const bool even = layers % (pp * v) == 0 || (!job.training.even_stages && layers >= pp * v - 2);
    if (v == 1 || (pp > 1 && even)) out.push_back(v);
  }
  return out;
}

std::vector<ParallelPlan> plans_of(const Job& job) {
  const FixedParallel& fixed = job.parallel;
  ParallelPlan plan;
  plan.tp = fixed.tp.value_or(1), plan.cp = fixed.cp.value_or(1), plan.pp = fixed.pp.value_or(1);
  plan.ep = fixed.ep.value_or(1);
  plan.dp = fixed.dp.value_or(job.cluster->gpus / (plan.tp * plan.cp * plan.pp));
  if (plan.gpus() != job.cluster->gpus) bad_input(job.name, "tp x cp x pp x dp is not the number of GPUs");
  std::vector<Recompute> recomputes = {Recompute::none, Recompute::selective, Recompute::full};
  if (fixed.recompute) recomputes = {recompute_named(*fixed.recompute)};
  std::vector<ParallelPlan> plans;
  for (const std::int64_t micro : or_fixed(job.batch.micro, {1, 2, 4, 8}))
    for (const std::int64_t chunks : chunk_choices(job, plan.pp))
      for (const Recompute recompute : recomputes) {
        plan.micro_batch = micro, plan.vpp = static_cast<int>(chunks), plan.recompute = recompute;
        if (runs(job, plan)) plans.push_back(plan);
      }
  return plans;
}

bool better(const Evaluation& a, const Evaluation& b, Bytes memory) {
  const bool fits = a.memory <= memory, other = b.memory <= memory;
  if (fits != other) return fits;
  return a.step < b.step;
}

}  // namespace

Prediction predict(const Row& row) {
  const std::vector<ParallelPlan> plans = plans_of(row.job);
  if (plans.empty()) bad_input(row.name, "no plan fits what the case fixes");
  const ProfileCache cache(row.job, plans, 1);
  std::optional<Evaluation> best;
  for (const ParallelPlan& plan : plans) {
    const std::string schedule = !row.schedule.empty() ? row.schedule : plan.vpp > 1 ? "interleaved" : "1f1b";
    const auto found = evaluate(row.job, plan, cache.costs(plan), {schedule, "", {}});
    if (found && (!best || better(*found, *best, default_memory_limit(row.job)))) best = found;
  }
  if (!best) bad_input(row.name, "no schedule fits what the case fixes");
  return {*best, 1e-9 * static_cast<double>(best->step.value), static_cast<double>(best->memory.value)};
}

double error(double predicted, double measured) { return predicted / measured - 1; }

}  // namespace accuracy
