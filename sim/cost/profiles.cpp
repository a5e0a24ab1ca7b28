// Modules under a plan: each distinct layer costed once.
#include <algorithm>
#include <cmath>

#include "bigmac/cost/kernels.h"
#include "bigmac/cost/plan_costs.h"

namespace bigmac {
namespace {

constexpr double kBf16 = 2;  // bytes

ModuleProfile profile(const Cluster& cluster, const Module& module, const LayerPlan& plan, const LayerLoad& load) {
  ModuleProfile out;
  for (std::size_t i = 0; i < module.layers.size(); ++i) {
    const bool same = i > 0 && module.layers[i] == module.layers[i - 1];
    out.layers.push_back(same ? out.layers.back() : layer_cost(cluster, module.layers[i], plan, load));
    out.parameters.push_back(same ? out.parameters.back() : layer_parameters(module.layers[i], plan));
  }
  return out;
}

// Ranks of one pipeline are pp apart; GPUs are laid out tp, cp, dp, pp from the inside out.
bool next_stage_in_node(const Job& job, const ParallelPlan& plan) {
  return 2 * plan.rank_gpus() * plan.dp <= job.cluster->node.gpus;
}

}  // namespace

ModuleProfile llm_profile(const Job& job, const ParallelPlan& plan, const MicrobatchLoad& load) {
  const LayerPlan layer_plan{plan.tp, plan.cp, plan.ep, job.training.sequence_parallel, plan.recompute, false};
  const auto tokens = static_cast<double>(load.llm_tokens);
  ModuleProfile out = profile(*job.cluster, job.model->llm, layer_plan, {tokens, load.llm_attention_pairs});
  const double shards = plan.cp * (job.training.sequence_parallel ? plan.tp : 1);
  out.transfer_bytes = kBf16 * tokens * static_cast<double>(job.model->llm.width) / shards;
  out.transfer_us = plan.pp > 1 ? transfer_us(*job.cluster, out.transfer_bytes, next_stage_in_node(job, plan)) : 0;
  return out;
}

ModuleProfile side_profile(const Job& job, const ParallelPlan& plan, const Module& module, const ModuleLoad& load) {
  const bool encoder = module.role == Role::encoder;
  const int tp = encoder ? plan.encoder_tp : plan.generator_tp;
  const LayerPlan layer_plan{
      tp, 1, 1, job.training.sequence_parallel, plan.recompute, encoder && job.training.freeze_encoder};
  const double replicas = std::max(1, plan.rank_gpus() / tp), images = static_cast<double>(load.images);
  const double share = images > 0 ? std::ceil(images / replicas) / images : 0;
  ModuleProfile out =
      profile(*job.cluster, module, layer_plan, {share * static_cast<double>(load.tokens), share * load.pairs});
  out.transfer_bytes =
      kBf16 * static_cast<double>(load.output_tokens) * static_cast<double>(module.output_width) / plan.rank_gpus();
  out.transfer_us = plan.pp > 1 ? transfer_us(*job.cluster, out.transfer_bytes, next_stage_in_node(job, plan)) : 0;
  return out;
}

SideCosts side_costs(const Job& job, const ParallelPlan& plan, Role role, std::size_t index,
                     const std::vector<MicrobatchLoad>& loads) {
  const Module& module = role == Role::encoder ? job.model->encoders[index] : job.model->generators[index];
  SideCosts out;
  for (const MicrobatchLoad& load : loads) {
    const ModuleLoad& own = role == Role::encoder ? load.encoders[index] : load.generators[index];
    ModuleProfile one = side_profile(job, plan, module, own);
    LayerCost sum;
    for (const LayerCost& layer : one.layers) {
      sum.forward_us += layer.forward_us;
      sum.input_gradient_us += layer.input_gradient_us;
      sum.weight_gradient_us += layer.weight_gradient_us;
      sum.recompute_us += layer.recompute_us;
      sum.communication_us += layer.communication_us;
      sum.activation_bytes += layer.activation_bytes;
      sum.transient_bytes = std::max(sum.transient_bytes, layer.transient_bytes);
      sum.model_flops += layer.model_flops;
    }
    out.by_microbatch.push_back(sum);
    out.transfer_us = std::max(out.transfer_us, one.transfer_us);
    out.transfer_bytes = std::max(out.transfer_bytes, one.transfer_bytes);
    if (out.parameters.empty()) out.parameters = std::move(one.parameters);
  }
  return out;
}

}  // namespace bigmac
