#include "linear_list.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "bigmac/base/error.h"
#include "bigmac/planner/search.h"
#include "bigmac/planner/space.h"

namespace accuracy {
namespace {

using namespace bigmac;

/// A module's layers one by one, by the function that costs an LLM's.
ModuleProfile profile_of(const Job& job, const ParallelPlan& plan, const Module& module, const ModuleLoad& load) {
  Job alone = job;
  alone.model->llm = module;
  MicrobatchLoad own;
  own.llm_tokens = load.tokens;
  own.llm_attention_pairs = load.pairs;
  return llm_profile(alone, plan, own);
}

ModuleProfile merged(const ModuleProfile& list, const Partition& first);

void append(const ModuleProfile& from, SideLayers sides, ModuleProfile& to) {
  if (sides == SideLayers::whole)
    return append(merged(from, {0, static_cast<std::uint32_t>(from.layers.size())}), SideLayers::apart, to);
  to.layers.insert(to.layers.end(), from.layers.begin(), from.layers.end());
  to.parameters.insert(to.parameters.end(), from.parameters.begin(), from.parameters.end());
}

ModuleProfile list_of(const Job& job, const ParallelPlan& plan, SideLayers sides) {
  std::vector<std::string> notes;
  const MicrobatchLoad load = draw_loads(job.data, *job.model, 1, plan.micro_batch, notes).front();
  ModuleProfile list;
  for (std::size_t i = 0; i < job.model->encoders.size(); ++i)
    append(profile_of(job, plan, job.model->encoders[i], load.encoders[i]), sides, list);
  const ModuleProfile llm = llm_profile(job, plan, load);
  append(llm, SideLayers::apart, list);
  for (std::size_t i = 0; i < job.model->generators.size(); ++i)
    append(profile_of(job, plan, job.model->generators[i], load.generators[i]), sides, list);
  list.transfer_bytes = llm.transfer_bytes;
  return list;
}

Partition stages_of(const ModuleProfile& list, std::size_t stages, ListWeights weights) {
  if (weights == ListWeights::time) return partition_layers(list.layers, static_cast<std::uint32_t>(stages));
  std::vector<double> flops;
  for (const LayerCost& layer : list.layers) flops.push_back(layer.model_flops);
  return cut_evenly(flops, stages);
}

/// A layer for each stage, so that what follows has nothing left to cut.
ModuleProfile merged(const ModuleProfile& list, const Partition& first) {
  ModuleProfile out;
  out.transfer_bytes = list.transfer_bytes;
  for (std::size_t stage = 0; stage + 1 < first.size(); ++stage) {
    out.layers.push_back(sum_of(list.layers.data() + first[stage], list.layers.data() + first[stage + 1]));
    LayerParameters held;
    for (std::uint32_t i = first[stage]; i < first[stage + 1]; ++i) {
      held.dense += list.parameters[i].dense;
      held.expert += list.parameters[i].expert;
    }
    out.parameters.push_back(held);
  }
  return out;
}

Job without_sides(Job job) {
  job.model->encoders.clear();
  job.model->generators.clear();
  return job;
}

}  // namespace

Partition cut_evenly(const std::vector<double>& weights, std::size_t parts) {
  const std::size_t n = weights.size();
  if (parts == 0 || n < parts) bad_input("layers", "fewer than stages");
  std::vector<double> before(n + 1, 0);
  for (std::size_t i = 0; i < n; ++i) before[i + 1] = before[i] + weights[i];
  constexpr double kTie = 1 - 1e-9;  // sums in another order differ by rounding
  std::vector<double> best(n + 1, std::numeric_limits<double>::infinity());
  best[0] = 0;
  std::vector<Partition> cut(parts + 1, Partition(n + 1, 0));
  for (std::size_t k = 1; k <= parts; ++k) {
    std::vector<double> next(n + 1, std::numeric_limits<double>::infinity());
    for (std::size_t i = k; i <= n; ++i)
      for (std::size_t j = k - 1; j < i; ++j)
        if (const double heaviest = std::max(best[j], before[i] - before[j]); heaviest < kTie * next[i])
          next[i] = heaviest, cut[k][i] = static_cast<std::uint32_t>(j);
    best = std::move(next);
  }
  Partition first(parts + 1, static_cast<std::uint32_t>(n));
  for (std::size_t k = parts; k > 0; --k) first[k - 1] = cut[k][first[k]];
  return first;
}

std::optional<PlanCosts> one_list_costs(const Job& job, const ParallelPlan& plan, ListWeights weights,
                                        SideLayers sides) {
  const ModuleProfile list = list_of(job, plan, sides);
  const auto stages = static_cast<std::size_t>(plan.pp) * static_cast<std::size_t>(plan.vpp);
  if (list.layers.size() < stages) return std::nullopt;
  const auto cut = std::make_shared<ModuleProfile>(merged(list, stages_of(list, stages, weights)));
  return plan_costs(without_sides(job), plan, microbatches(job, plan), {cut, nullptr}, {}, {});
}

std::optional<Evaluation> run_one_list(const Job& job, const ParallelPlan& plan, ListWeights weights,
                                       SideLayers sides) {
  const auto costs = one_list_costs(job, plan, weights, sides);
  if (!costs) return std::nullopt;
  return evaluate(without_sides(job), plan, *costs, {plan.vpp > 1 ? "interleaved" : "1f1b", "", {}});
}

}  // namespace accuracy
