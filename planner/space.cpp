#include "bigmac/planner/space.h"

#include <algorithm>
#include <optional>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

constexpr std::int64_t kLongSequence = 32'768;  // tokens from which context parallelism is tried
// Of pipelines that a search cuts encoders for: with more an optimus takes a second to build.
constexpr int kMostEncoderStages = 16;
const std::vector<int> kChunks = {1, 2, 3, 4, 5, 6, 8, 10, 12};
const std::vector<std::int64_t> kMicroBatches = {1, 2, 4, 8, 16};

std::vector<int> powers_of_two(int most) {
  std::vector<int> out;
  for (int i = 1; i <= most; i *= 2) out.push_back(i);
  return out;
}

std::vector<int> fixed_or(const std::optional<int>& fixed, std::vector<int> choices) {
  return fixed ? std::vector<int>{*fixed} : choices;
}

std::vector<int> divisors(int number) {
  std::vector<int> out;
  for (int i = 1; i <= number; ++i)
    if (number % i == 0) out.push_back(i);
  return out;
}

/// Why tp cannot cut a module's heads, or nothing.
std::optional<std::string> tp_misfit(const Module& module, int tp) {
  for (const Layer& layer : module.layers) {
    if (!layer.attention) continue;
    if (layer.attention->heads % tp != 0) return "tp does not divide the heads of " + module.name;
    if (layer.attention->kv_heads % tp != 0 && tp % layer.attention->kv_heads != 0)
      return "tp does not fit the key-value heads of " + module.name;
  }
  return std::nullopt;
}

std::int64_t most_experts(const Module& module) {
  std::int64_t most = 0;
  for (const Layer& layer : module.layers)
    if (layer.experts) most = std::max(most, layer.experts->count);
  return most;
}

class Enumeration {
 public:
  Enumeration(const Job& job, Axes axes)
      : job_(job), axes_(axes), gpus_(job.cluster->gpus), experts_(most_experts(job.model->llm)) {}

  PlanSpace run() {
    const FixedParallel& fixed = job_.parallel;
    const int node = job_.cluster->node.gpus;
    const std::vector<int> contexts =
        job_.data.sequence_length >= kLongSequence ? powers_of_two(16) : std::vector<int>{1};
    for (const int tp : fixed_or(fixed.tp, powers_of_two(node)))
      for (const int cp : fixed_or(fixed.cp, contexts))
        for (const int pp : fixed_or(fixed.pp, divisors(gpus_))) split_gpus(tp, cp, pp);
    return std::move(space_);
  }

 private:
  void exclude(const std::string& reason) { ++space_.excluded[reason]; }

  void split_gpus(int tp, int cp, int pp) {
    const std::int64_t group = std::int64_t{tp} * cp * pp;
    if (gpus_ % group != 0) return exclude("tp x cp x pp does not divide the GPUs");
    const int dp = static_cast<int>(gpus_ / group);
    if (job_.parallel.dp && *job_.parallel.dp != dp) return exclude("dp is fixed to another value");
    if (tp > job_.cluster->node.gpus) return exclude("tp is larger than a node");
    if (const auto misfit = tp_misfit(job_.model->llm, tp)) return exclude(*misfit);
    if (pp > static_cast<std::int64_t>(job_.model->llm.layers.size())) return exclude("more stages than layers");
    ParallelPlan plan;
    plan.tp = tp, plan.cp = cp, plan.pp = pp, plan.dp = dp;
    add_experts(plan);
  }

  void add_experts(ParallelPlan plan) {
    const int stage_gpus = plan.tp * plan.cp * plan.dp;
    for (const int ep : fixed_or(job_.parallel.ep, experts_ > 0 ? powers_of_two(stage_gpus) : std::vector<int>{1})) {
      if (stage_gpus % ep != 0) exclude("ep does not divide a stage's GPUs");
      else if (experts_ > 0 ? experts_ % ep != 0 : ep != 1) exclude("ep does not divide the experts");
      else plan.ep = ep, add_microbatches(plan);
    }
  }

  void add_microbatches(ParallelPlan plan) {
    const auto choices = job_.batch.micro ? std::vector<std::int64_t>{*job_.batch.micro} : kMicroBatches;
    for (const std::int64_t micro : choices) {
      if (job_.batch.global % (micro * plan.dp) != 0) exclude("the global batch does not divide into dp x micro");
      else if (job_.batch.global / (micro * plan.dp) > kMaxMicrobatches)
        exclude("more microbatches than a pipeline takes");
      else plan.micro_batch = micro, add_chunks(plan);
    }
  }

  void add_chunks(ParallelPlan plan) {
    for (const int vpp : fixed_or(job_.parallel.vpp, kChunks)) {
      if (std::int64_t{plan.pp} * vpp > static_cast<std::int64_t>(job_.model->llm.layers.size()))
        exclude("more stages than layers");
      else if (vpp > 1 && plan.pp == 1) exclude("vpp needs pp > 1");
      else if (vpp > 1 && axes_ == Axes::usual && !job_.parallel.vpp && microbatches(job_, plan) % plan.pp != 0)
        exclude("interleaving of microbatches that pp does not divide is left to --all-axes");
      else plan.vpp = vpp, add_side_tp(plan);
    }
  }

  void add_side_tp(ParallelPlan plan) {
    for (const int encoder : side_choices(job_.model->encoders, job_.parallel.encoder_tp, plan))
      for (const int generator : side_choices(job_.model->generators, job_.parallel.generator_tp, plan)) {
        plan.encoder_tp = encoder, plan.generator_tp = generator;
        for (const int stages : encoder_stages(plan)) plan.encoder_pp = stages, add_recompute(plan);
      }
  }

  // Where a replica is a burden: whole or a stage for each rank; any pipeline of consecutive ranks where the job's own
  // pp leaves few plans, or when asked for. Every stage has a layer.
  std::vector<int> encoder_stages(const ParallelPlan& plan) {
    if (job_.model->encoders.empty()) return {1};
    std::vector<int> choices = divisors(plan.pp);
    if (axes_ == Axes::usual && !job_.parallel.pp) choices = {1, plan.pp};
    if (plan.pp == 1 || plan.pp > kMostEncoderStages || !heavy(burden(job_.model->encoders, plan.encoder_tp)))
      choices = {1};
    std::vector<int> out;
    for (const int stages : fixed_or(job_.parallel.encoder_pp, choices)) {
      const bool layers = std::all_of(job_.model->encoders.begin(), job_.model->encoders.end(), [&](const Module& m) {
        return static_cast<std::size_t>(stages) <= m.layers.size();
      });
      if (plan.pp % stages != 0) exclude("encoder_pp does not divide pp");
      else if (!layers) exclude("more encoder stages than encoder layers");
      else out.push_back(stages);
    }
    return out;
  }

  // Bytes of a replica's weights and gradients.
  static double burden(const std::vector<Module>& modules, int tp) {
    double bytes = 0;
    for (const Module& module : modules) bytes += 6.0 * static_cast<double>(parameters(module)) / tp;
    return bytes;
  }
  // A tenth of the GPU's memory.
  bool heavy(double bytes) const { return bytes > 0.1 * static_cast<double>(job_.cluster->gpu.memory.value); }

  std::vector<int> side_choices(const std::vector<Module>& modules, const std::optional<int>& fixed,
                                const ParallelPlan& plan) {
    if (modules.empty()) return {1};
    std::vector<int> out;
    for (const int tp : fixed_or(fixed, plan.tp > 1 ? std::vector<int>{1, plan.tp} : std::vector<int>{1})) {
      std::optional<std::string> misfit;
      for (const Module& module : modules)
        if (const auto found = tp_misfit(module, tp)) misfit = found;
      if (misfit) exclude(*misfit);
      else if (plan.rank_gpus() % tp != 0) exclude("a module's tp does not divide a rank's tp x cp GPUs");
      else out.push_back(tp);
    }
    return out;
  }

  // Flash attention keeps a few row statistics that selective recompute could spare: it is not tried with it. Partial
  // recompute asks for a memory limit; it takes for each stage what it needs from between none and full.
  void add_recompute(ParallelPlan plan) {
    std::vector<Recompute> choices = {Recompute::none, Recompute::full};
    if (axes_ == Axes::all) choices.push_back(Recompute::mlp);
    if (!job_.training.flash_attention) choices.push_back(Recompute::selective);
    if (job_.memory_limit && axes_ == Axes::all) choices.push_back(Recompute::partial);
    if (job_.parallel.recompute) choices = {recompute_named(*job_.parallel.recompute)};
    for (const Recompute recompute : choices) {
      plan.recompute = recompute;
      for (const auto encoder : side_recompute(job_.model->encoders, job_.parallel.encoder_recompute, recompute))
        for (const auto generator :
             side_recompute(job_.model->generators, job_.parallel.generator_recompute, recompute)) {
          plan.encoder_recompute = encoder, plan.generator_recompute = generator;
          add_optimizer(plan);
        }
    }
  }

  // Nothing or everything, where the job leaves recomputation open: encoders hold few microbatches and may keep what
  // the LLM cannot, or are so wide that they must not.
  std::vector<std::optional<Recompute>> side_recompute(const std::vector<Module>& modules,
                                                       const std::optional<std::string>& fixed, Recompute llm) const {
    if (modules.empty()) return {std::nullopt};
    const auto unless_alike = [&](Recompute own) { return own == llm ? std::nullopt : std::optional(own); };
    if (fixed) return {unless_alike(recompute_named(*fixed))};
    if (job_.parallel.recompute || axes_ == Axes::usual) return {std::nullopt};
    return {unless_alike(Recompute::none), unless_alike(Recompute::full)};
  }

  // An optimizer that is not sharded is tried where a tenth of the memory holds what sharding would spare.
  void add_optimizer(ParallelPlan plan) {
    const double whole = 12.0 * static_cast<double>(parameters(job_.model->llm)) / plan.tp / plan.pp;
    const bool can_shard = job_.training.distributed_optimizer && plan.dp * plan.cp > 1;
    const bool light = axes_ == Axes::all && whole < 0.1 * static_cast<double>(job_.cluster->gpu.memory.value);
    for (const bool shard : {true, false}) {
      if (job_.parallel.shard_optimizer && can_shard ? shard != *job_.parallel.shard_optimizer
                                                     : !shard && !(can_shard && light))
        continue;
      plan.shard_optimizer = shard;
      add_sharding(plan);
    }
  }

  // Sharding encoders and generators is tried where a replica of one is a burden. Encoders that are cut into stages are
  // not sharded as well: the GPUs of a node need not hold the same stage.
  void add_sharding(ParallelPlan plan) {
    const bool shares = job_.cluster->node.gpus > std::max(plan.encoder_tp, plan.generator_tp);
    const double bytes =
        burden(job_.model->encoders, plan.encoder_tp) + burden(job_.model->generators, plan.generator_tp);
    const bool wanted = shares && heavy(bytes);
    for (const bool shard : {false, true}) {
      if (job_.parallel.shard_sides ? shard != *job_.parallel.shard_sides : shard && !wanted) continue;
      if (shard && plan.encoder_pp > 1) {
        exclude("encoder stages are not sharded within a node");
        continue;
      }
      plan.shard_sides = shard;
      space_.plans.push_back(plan);
    }
  }

  const Job& job_;
  Axes axes_;
  int gpus_;
  std::int64_t experts_;
  PlanSpace space_;
};

}  // namespace

PlanSpace enumerate_plans(const Job& job, Axes axes) {
  if (!job.model || !job.cluster)
    bad_input("job", "expected 'model' and 'cluster': the abstract form is not planned, use bigmac-sim");
  if (job.model->llm.layers.empty()) bad_input("job: /model", "holds no LLM; a pipeline needs one");
  return Enumeration(job, axes).run();
}

std::int64_t microbatches(const Job& job, const ParallelPlan& plan) {
  return job.batch.global / (plan.micro_batch * plan.dp);
}

}  // namespace bigmac
