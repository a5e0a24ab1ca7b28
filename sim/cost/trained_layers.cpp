// Who is trained and who runs a backward, where modules are frozen.
//
// A gradient flows back to the first thing that is trained, in the order encoders, LLM, generators. A frozen layer
// behind it computes the gradient of its input (I) and none of its weights (W); a frozen layer with nothing trained
// before it needs no backward and keeps nothing; a trained layer with nothing trained before it needs W alone.
//
//   LLaVA's first stage: tower frozen, projector trained, LLM frozen: tower F; projector F, W; LLM F, I
#include <algorithm>

#include "bigmac/base/error.h"
#include "bigmac/cost/plan_costs.h"

namespace bigmac {
namespace {

bool is_trained(const Training& training, Role role, const Layer& layer) {
  switch (role) {
    case Role::llm: return !training.freeze_llm;
    case Role::generator: return !training.freeze_generator;
    case Role::encoder: break;
  }
  return !training.freeze_encoder || (training.train_projector && layer.kind == LayerKind::projector);
}

bool any_trained(const Training& training, Role role, const Module& module) {
  return std::any_of(module.layers.begin(), module.layers.end(),
                     [&](const Layer& layer) { return is_trained(training, role, layer); });
}

bool any_trained(const Training& training, Role role, const std::vector<Module>& modules) {
  return std::any_of(modules.begin(), modules.end(),
                     [&](const Module& module) { return any_trained(training, role, module); });
}

}  // namespace

bool TrainedLayers::any_backward() const { return std::find(backward.begin(), backward.end(), true) != backward.end(); }

TrainedLayers trained_layers(const Job& job, Role role, std::size_t index) {
  const Model& model = *job.model;
  const bool encoders = any_trained(job.training, Role::encoder, model.encoders);
  const bool llm = any_trained(job.training, Role::llm, model.llm);
  if (!encoders && !llm && !any_trained(job.training, Role::generator, model.generators))
    bad_input("training", "freezes every module: nothing is left to train");
  const Module& module = role == Role::llm       ? model.llm
                         : role == Role::encoder ? model.encoders[index]
                                                 : model.generators[index];
  bool before = (role != Role::encoder && encoders) || (role == Role::generator && llm);
  TrainedLayers out;
  for (const Layer& layer : module.layers) {
    out.trained.push_back(is_trained(job.training, role, layer));
    before = before || out.trained.back();
    out.backward.push_back(before);
  }
  return out;
}

}  // namespace bigmac
