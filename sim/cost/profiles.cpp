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
  const bool transformer = layer.kind == LayerKind::transformer;
  const bool again = plan.recompute == Recompute::full && transformer;
  const double part = plan.recompute == Recompute::mlp && transformer ? cost.recompute_us / cost.forward_us : 0;
  cost.forward_us = measured->forward_us;
  cost.recompute_us = again ? measured->forward_us : part * measured->forward_us;
  cost.input_gradient_us = measured->input_gradient_us + cost.recompute_us;
  cost.weight_gradient_us = plan.frozen ? 0 : measured->weight_gradient_us;
  if (measured->activation_bytes && (plan.recompute == Recompute::none || plan.recompute == Recompute::partial))
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

bool is_first_trained(const TrainedLayers& layers, std::size_t i) {
  return i > 0 && layers.backward[i] && !layers.backward[i - 1];
}

/// first_alike() among layers that are trained alike too.
std::vector<std::size_t> alike_and_trained_alike(const std::vector<Layer>& layers, const TrainedLayers& trained) {
  std::vector<std::size_t> alike = first_alike(layers);
  const auto same = [&](std::size_t a, std::size_t b) {
    return trained.trained[a] == trained.trained[b] && trained.backward[a] == trained.backward[b] &&
           is_first_trained(trained, a) == is_first_trained(trained, b);
  };
  for (std::size_t i = 0; i < alike.size(); ++i)
    if (!same(alike[i], i)) alike[i] = i;
  return alike;
}

std::vector<LayerCost> layer_costs(const Job& job, const Module& module, LayerPlan plan, const LayerLoad& load,
                                   const TrainedLayers& layers) {
  const std::vector<std::size_t> alike = alike_and_trained_alike(module.layers, layers);
  std::vector<LayerCost> out(module.layers.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    plan.frozen = !layers.trained[i];
    out[i] = alike[i] != i ? out[alike[i]]
                           : with_frozen(one_layer_cost(job, module.name, module.layers[i], plan, load),
                                         layers.backward[i], is_first_trained(layers, i));
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

/// A layer's cost with nothing run again, as it is when all of it is.
LayerCost run_again(const Job& job, const Layer& layer, LayerPlan plan, const LayerLoad& load, LayerCost cost) {
  plan.recompute = Recompute::full;
  const LayerBytes bytes = layer_bytes(*job.cluster, layer, plan, load);
  cost.activation_bytes = bytes.activation;
  cost.transient_bytes = bytes.transient;
  if (layer.kind != LayerKind::transformer) return cost;
  cost.recompute_us = cost.forward_us;
  cost.input_gradient_us += cost.forward_us;
  if (cost.recompute_us > 0) cost.backward.add(cost.forward);
  return cost;
}

/// An encoder or generator under a plan, costed one microbatch at a time.
class SideModule {
 public:
  SideModule(const Job& job, const ParallelPlan& plan, Role role, std::size_t index)
      : job_(job),
        plan_(plan),
        module_(role == Role::encoder ? job.model->encoders[index] : job.model->generators[index]),
        role_(role),
        index_(index),
        trained_(trained_layers(job, role, index)) {
    const bool encoder = role == Role::encoder;
    tp_ = encoder ? plan.encoder_tp : plan.generator_tp;
    layer_plan_ =
        layer_plan_of(job, tp_, 1, 1, encoder ? plan.recompute_of_encoders() : plan.recompute_of_generators());
    if (encoder && plan.tp > 1) layer_plan_.most_pieces = kMostPieces;
    parameters_ = all_parameters(module_.layers, layer_plan_);
    const std::vector<std::size_t> alike = alike_and_trained_alike(module_.layers, trained_);
    for (std::size_t i = 0; i < alike.size(); ++i) {
      if (alike[i] == i) first_of_kind_.push_back(i), kind_parameters_.push_back(parameters_[i]);
      kind_.push_back(alike[i] == i ? static_cast<std::uint32_t>(first_of_kind_.size() - 1) : kind_[alike[i]]);
    }
  }

  Recompute recompute() const { return layer_plan_.recompute; }
  void run_nothing_again() { layer_plan_.recompute = Recompute::none; }

  /// One layer of each kind under one load, each as if everything before it were trained.
  const std::vector<LayerCost>& kinds(const MicrobatchLoad& load) {
    const LayerLoad own = busiest(load);
    const auto [known, is_new] = memo_.try_emplace({own.tokens, own.pairs});
    if (is_new)
      for (const std::size_t i : first_of_kind_)
        known->second.push_back(one_layer_cost(job_, module_.name, module_.layers[i], plan_of(i), own));
    return known->second;
  }
  /// The same where all layers run again, from kinds() where nothing does.
  std::vector<LayerCost> kinds_again(std::vector<LayerCost> kinds, const MicrobatchLoad& load) const {
    for (std::size_t k = 0; k < kinds.size(); ++k)
      kinds[k] =
          run_again(job_, module_.layers[first_of_kind_[k]], plan_of(first_of_kind_[k]), busiest(load), kinds[k]);
    return kinds;
  }

  /// Adds a microbatch: its layers as they are among frozen and sharded ones.
  void add(std::vector<LayerCost> kinds, const MicrobatchLoad& load, SideCosts& out) const {
    for (std::size_t k = 0; k < kinds.size(); ++k)
      kinds[k] =
          with_frozen(kinds[k], trained_.backward[first_of_kind_[k]], is_first_trained(trained_, first_of_kind_[k]));
    if (plan_.shard_sides) add_sharding(*job_.cluster, shard_group(job_, plan_, tp_), kind_parameters_, kinds);
    std::vector<LayerCost> layers;
    for (const std::uint32_t k : kind_) layers.push_back(kinds[k]);
    out.by_microbatch.push_back(sum_of(layers.data(), layers.data() + layers.size()));
    out.kinds_by_microbatch.push_back(std::make_shared<const std::vector<LayerCost>>(std::move(kinds)));
    out.transfer_bytes.push_back(transfer_bytes(of(load)));
    out.inner_bytes.push_back(inner_bytes(load));
  }
  SideCosts begun() const {
    SideCosts out;
    out.parameters = parameters_;
    out.trained = trained_.trained;
    out.kind = kind_;
    return out;
  }

 private:
  const ModuleLoad& of(const MicrobatchLoad& load) const {
    return role_ == Role::encoder ? load.encoders[index_] : load.generators[index_];
  }
  LayerPlan plan_of(std::size_t layer) const {
    LayerPlan out = layer_plan_;
    out.frozen = !trained_.trained[layer];
    return out;
  }
  /// The rank's GPUs share the images; the busiest takes ceil(images / replicas) of them.
  LayerLoad busiest(const MicrobatchLoad& all) const {
    const ModuleLoad& load = of(all);
    const double replicas = std::max(1, plan_.rank_gpus() / tp_), images = static_cast<double>(load.images);
    const double share = images > 0 ? std::ceil(images / replicas) / images : 0;
    return {share * static_cast<double>(load.tokens), share * load.pairs};
  }
  double inner_bytes(const MicrobatchLoad& load) const {
    const bool cut = job_.training.sequence_parallel || job_.training.scatter_transfers;
    return kBf16 * busiest(load).tokens * static_cast<double>(module_.width) / (cut ? tp_ : 1);
  }
  double transfer_bytes(const ModuleLoad& load) const {
    return kBf16 * static_cast<double>(load.output_tokens) * static_cast<double>(module_.output_width) /
           plan_.rank_gpus();
  }

  const Job& job_;
  const ParallelPlan& plan_;
  const Module& module_;
  Role role_;
  std::size_t index_;
  TrainedLayers trained_;
  int tp_ = 1;
  LayerPlan layer_plan_;
  std::vector<LayerParameters> parameters_, kind_parameters_;
  std::vector<std::size_t> first_of_kind_;
  std::vector<std::uint32_t> kind_;                                   // by layer
  std::map<std::pair<double, double>, std::vector<LayerCost>> memo_;  // by tokens and pairs
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
  out.layers = layer_costs(job, job.model->llm, layer_plan, {tokens, load.llm_attention_pairs},
                           trained_layers(job, Role::llm, 0));
  out.parameters = all_parameters(layers, layer_plan);
  const bool cut = job.training.sequence_parallel || job.training.scatter_transfers;
  const double shards = plan.cp * (cut ? plan.tp : 1);
  out.transfer_bytes = kBf16 * tokens * static_cast<double>(job.model->llm.width) / shards;
  return out;
}

SideLayers side_layers(const Job& job, const ParallelPlan& plan, Role role, std::size_t index,
                       const std::vector<MicrobatchLoad>& loads) {
  SideModule module(job, plan, role, index);
  module.run_nothing_again();
  SideLayers out;
  for (const MicrobatchLoad& load : loads) out.push_back(module.kinds(load));
  return out;
}

SideCosts side_costs(const Job& job, const ParallelPlan& plan, Role role, std::size_t index,
                     const std::vector<MicrobatchLoad>& loads, const SideLayers& layers) {
  const SideModule module(job, plan, role, index);
  const bool again = module.recompute() == Recompute::full;
  SideCosts out = module.begun();
  for (std::size_t i = 0; i < loads.size(); ++i)
    module.add(again ? module.kinds_again(layers[i], loads[i]) : layers[i], loads[i], out);
  return out;
}

SideCosts side_costs(const Job& job, const ParallelPlan& plan, Role role, std::size_t index,
                     const std::vector<MicrobatchLoad>& loads) {
  SideModule module(job, plan, role, index);
  SideCosts out = module.begun();
  for (const MicrobatchLoad& load : loads) module.add(module.kinds(load), load, out);
  return out;
}

}  // namespace bigmac
