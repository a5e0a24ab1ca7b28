#include "bigmac/workload/model.h"

namespace bigmac {
namespace {

std::int64_t weights(const Linear& linear) { return linear.in * linear.out + (linear.bias ? linear.out : 0); }

/// The sum of a layer's parameters with every expert product counted `experts` times.
std::int64_t with_experts(const Layer& layer, std::int64_t experts) {
  std::int64_t sum = layer.other_parameters;
  for (const Linear& linear : layer.linears) sum += weights(linear) * (linear.role == LinearRole::expert ? experts : 1);
  return sum;
}

/// What a tied head repeats: the embedding table, held once.
std::int64_t repeated(const Module& module) {
  std::int64_t sum = 0;
  for (const Layer& layer : module.layers)
    if (module.tied_embeddings && layer.kind == LayerKind::head) sum += layer.vocabulary * layer.width;
  return sum;
}

}  // namespace

std::int64_t parameters(const Layer& layer) { return with_experts(layer, layer.experts ? layer.experts->count : 1); }

std::int64_t active_parameters(const Layer& layer) {
  return with_experts(layer, layer.experts ? layer.experts->active : 1);
}

std::int64_t parameters(const Module& module) {
  std::int64_t sum = -repeated(module);
  for (const Layer& layer : module.layers) sum += parameters(layer);
  return sum;
}

std::int64_t active_parameters(const Module& module) {
  std::int64_t sum = -repeated(module);
  for (const Layer& layer : module.layers) sum += active_parameters(layer);
  return sum;
}

std::int64_t parameters(const Model& model) {
  std::int64_t sum = parameters(model.llm);
  for (const Module& encoder : model.encoders) sum += parameters(encoder);
  for (const Module& generator : model.generators) sum += parameters(generator);
  return sum;
}

}  // namespace bigmac
