// Modules under a plan: each distinct layer costed once.
#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "bigmac/cost/kernels.h"
#include "bigmac/cost/plan_costs.h"

namespace bigmac {
namespace {

constexpr double kBf16 = 2, kFp32 = 4;  // bytes
// Smaller kernels fit more waits of the LLM but lose on the way; four pieces lose a few percent.
constexpr int kMostPieces = 4;

/// For each layer the index of the first one alike: models repeat a few layers many times.
std::vector<std::size_t> first_alike(const std::vector<Layer>& layers) {
  std::vector<std::size_t> first(layers.size()), distinct;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto known =
        std::find_if(distinct.begin(), distinct.end(), [&](std::size_t d) { return layers[d] == layers[i]; });
    first[i] = known == distinct.end() ? i : *known;
    if (first[i] == i) distinct.push_back(i);
  }
  return first;
}

/// Analytic, then overwritten by what was measured.
LayerCost one_layer_cost(const Job& job, const std::string& module, const Layer& layer, const LayerPlan& plan,
                         const LayerLoad& load) {
  LayerCost cost = layer_cost(*job.cluster, layer, plan, load);
  const auto measured = job.measured ? job.measured->at(module, layer.kind, plan.tp, load.tokens) : std::nullopt;
  if (!measured) return cost;
  const bool again = plan.recompute == Recompute::full && layer.kind == LayerKind::transformer;
  cost.forward_us = measured->forward_us;
  cost.recompute_us = again ? measured->forward_us : 0;
  cost.input_gradient_us = measured->input_gradient_us + cost.recompute_us;
  cost.weight_gradient_us = plan.frozen ? 0 : measured->weight_gradient_us;
  if (measured->activation_bytes && plan.recompute == Recompute::none)
    cost.activation_bytes = *measured->activation_bytes;
  return cost;
}

/// What a layer costs beside frozen ones. A trained layer with nothing trained before it, in a module that is partly
/// frozen, computes no input gradient; in one trained whole that saving at the first layer is left out.
LayerCost with_frozen(LayerCost cost, bool backward, bool first_trained) {
  if (!backward) {
    cost.activation_bytes = 0;
    cost.weight_gradient_us = cost.backward_flops = 0;
    cost.backward = {};
  }
  if (!backward || first_trained) {
    cost.input_gradient_us = cost.recompute_us = 0;
    cost.backward_flops /= 2;
  }
  return cost;
}

std::vector<LayerCost> layer_costs(const Job& job, const Module& module, const std::vector<std::size_t>& alike,
                                   LayerPlan plan, const LayerLoad& load, const TrainedLayers& layers) {
  std::vector<LayerCost> out(module.layers.size());
  const auto first = [&](std::size_t i) { return i > 0 && layers.backward[i] && !layers.backward[i - 1]; };
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::size_t same = alike[i];
    plan.frozen = !layers.trained[i];
    const bool alike_too = layers.trained[same] == layers.trained[i] && layers.backward[same] == layers.backward[i] &&
                           first(same) == first(i);
    out[i] = same != i && alike_too ? out[same]
                                    : with_frozen(one_layer_cost(job, module.name, module.layers[i], plan, load),
                                                  layers.backward[i], first(i));
  }
  return out;
}

std::vector<LayerParameters> all_parameters(const std::vector<Layer>& layers, const LayerPlan& plan) {
  std::vector<LayerParameters> out;
  for (const Layer& layer : layers) out.push_back(layer_parameters(layer, plan));
  return out;
}

// Each layer's weights are gathered while the layer before it computes, forward and backward, and its gradients are
// scattered while the next computes: what is longer counts. Two layers' weights and one layer's gradients are whole at
// a time.
void add_sharding(const Cluster& cluster, int group, const std::vector<LayerParameters>& parameters,
                  std::vector<LayerCost>& layers) {
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double count = parameters[i].dense + parameters[i].expert;
    const double gather = collective_us(cluster, Collective::all_gather, kBf16 * count, group, group);
    const double scatter = collective_us(cluster, Collective::reduce_scatter, kFp32 * count, group, group);
    LayerCost& layer = layers[i];
    const double backward = layer.input_gradient_us + layer.weight_gradient_us;
    const double waits_forward = std::max(0.0, gather - layer.forward_us);
    const double waits_backward = std::max(0.0, gather + scatter - backward);
    layer.forward_us += waits_forward;
    layer.forward.communication_us += waits_forward;
    layer.input_gradient_us += waits_backward;
    layer.backward.communication_us += waits_backward;
    layer.transient_bytes += (2 * kBf16 + kFp32) * count;
  }
}

LayerPlan layer_plan_of(const Job& job, int tp, int cp, int ep, Recompute recompute) {
  LayerPlan plan{.tp = tp, .cp = cp, .ep = ep, .recompute = recompute};
  plan.sequence_parallel = job.training.sequence_parallel;
  plan.flash_attention = job.training.flash_attention;
  plan.dropout = job.training.dropout;
  plan.overlap_tensor = job.training.overlap_tensor;
  plan.dispatch_once = job.training.dispatch_once;
  return plan;
}

/// An encoder or generator under a plan, costed one microbatch at a time.
class SideModule {
 public:
  SideModule(const Job& job, const ParallelPlan& plan, const Module& module, std::size_t index)
      : job_(job), plan_(plan), module_(module), alike_(first_alike(module.layers)) {
    const bool encoder = module.role == Role::encoder;
    tp_ = encoder ? plan.encoder_tp : plan.generator_tp;
    layer_plan_ = layer_plan_of(job, tp_, 1, 1, plan.recompute);
    if (encoder && plan.tp > 1) layer_plan_.most_pieces = kMostPieces;
    trained_ = trained_layers(job, module.role, index);
    parameters_ = all_parameters(module.layers, layer_plan_);
  }

  struct Layers {
    std::shared_ptr<const std::vector<LayerCost>> each;
    LayerCost sum;
  };
  /// The rank's GPUs share the images; the busiest takes ceil(images / replicas) of them.
  const Layers& layers(const ModuleLoad& load) {
    const LayerLoad own = busiest(load);
    const auto [known, is_new] = memo_.try_emplace({own.tokens, own.pairs});
    if (is_new) {
      auto layers = layer_costs(job_, module_, alike_, layer_plan_, own, trained_);
      if (plan_.shard_sides) add_sharding(*job_.cluster, shard_group(job_, plan_, tp_), parameters_, layers);
      known->second.sum = sum_of(layers.data(), layers.data() + layers.size());
      known->second.each = std::make_shared<const std::vector<LayerCost>>(std::move(layers));
    }
    return known->second;
  }
  double inner_bytes(const ModuleLoad& load) const {
    const bool cut = job_.training.sequence_parallel || job_.training.scatter_transfers;
    return kBf16 * busiest(load).tokens * static_cast<double>(module_.width) / (cut ? tp_ : 1);
  }
  double transfer_bytes(const ModuleLoad& load) const {
    return kBf16 * static_cast<double>(load.output_tokens) * static_cast<double>(module_.output_width) /
           plan_.rank_gpus();
  }
  const std::vector<LayerParameters>& layer_parameters_of() const { return parameters_; }
  const std::vector<bool>& trained() const { return trained_.trained; }

 private:
  LayerLoad busiest(const ModuleLoad& load) const {
    const double replicas = std::max(1, plan_.rank_gpus() / tp_), images = static_cast<double>(load.images);
    const double share = images > 0 ? std::ceil(images / replicas) / images : 0;
    return {share * static_cast<double>(load.tokens), share * load.pairs};
  }

  const Job& job_;
  const ParallelPlan& plan_;
  const Module& module_;
  std::vector<std::size_t> alike_;
  int tp_ = 1;
  LayerPlan layer_plan_;
  TrainedLayers trained_;
  std::vector<LayerParameters> parameters_;
  std::map<std::pair<double, double>, Layers> memo_;  // by tokens and pairs
};

}  // namespace

LayerCost sum_of(const LayerCost* first, const LayerCost* last) {
  LayerCost sum;
  for (; first != last; ++first) {
    sum.forward_us += first->forward_us;
    sum.input_gradient_us += first->input_gradient_us;
    sum.weight_gradient_us += first->weight_gradient_us;
    sum.recompute_us += first->recompute_us;
    sum.communication_us += first->communication_us;
    sum.activation_bytes += first->activation_bytes;
    sum.transient_bytes = std::max(sum.transient_bytes, first->transient_bytes);
    sum.model_flops += first->model_flops;
    sum.backward_flops += first->backward_flops;
    sum.forward.add(first->forward);
    sum.backward.add(first->backward);
  }
  return sum;
}

int shard_group(const Job& job, const ParallelPlan& plan, int tp) {
  const int holders = std::max(1, job.cluster->gpus / tp);
  return plan.shard_sides ? std::clamp(job.cluster->node.gpus / tp, 1, holders) : 1;
}

ModuleProfile llm_profile(const Job& job, const ParallelPlan& plan, const MicrobatchLoad& load) {
  const std::vector<Layer>& layers = job.model->llm.layers;
  const LayerPlan layer_plan = layer_plan_of(job, plan.tp, plan.cp, plan.ep, plan.recompute);
  const auto tokens = static_cast<double>(load.llm_tokens);
  ModuleProfile out;
  out.layers = layer_costs(job, job.model->llm, first_alike(layers), layer_plan, {tokens, load.llm_attention_pairs},
                           trained_layers(job, Role::llm, 0));
  out.parameters = all_parameters(layers, layer_plan);
  const bool cut = job.training.sequence_parallel || job.training.scatter_transfers;
  const double shards = plan.cp * (cut ? plan.tp : 1);
  out.transfer_bytes = kBf16 * tokens * static_cast<double>(job.model->llm.width) / shards;
  return out;
}

SideCosts side_costs(const Job& job, const ParallelPlan& plan, Role role, std::size_t index,
                     const std::vector<MicrobatchLoad>& loads) {
  SideModule module(job, plan, role == Role::encoder ? job.model->encoders[index] : job.model->generators[index],
                    index);
  SideCosts out;
  out.parameters = module.layer_parameters_of();
  out.trained = module.trained();
  for (const MicrobatchLoad& load : loads) {
    const ModuleLoad& own = role == Role::encoder ? load.encoders[index] : load.generators[index];
    const SideModule::Layers& layers = module.layers(own);
    out.layers_by_microbatch.push_back(layers.each);
    out.by_microbatch.push_back(layers.sum);
    out.transfer_bytes.push_back(module.transfer_bytes(own));
    out.inner_bytes.push_back(module.inner_bytes(own));
  }
  return out;
}

}  // namespace bigmac
