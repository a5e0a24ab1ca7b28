#include "bigmac/runner/plain.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "pass.h"

namespace bigmac::runner {
namespace {

/// One microbatch through the whole model: forwards in the order of the data, backwards in reverse.
class PlainMicrobatch {
 public:
  PlainMicrobatch(const Model& model, std::map<StageKey, StageWeights>& stages, MicrobatchId microbatch)
      : model_(model), stages_(stages), microbatch_(microbatch) {}

  double run() {
    const Pipeline& pipeline = model_.pipeline;
    std::vector<const Tensor*> images;
    for (const ModuleId encoder : pipeline.encoders) images.push_back(&forward(encoder, 0, {}));
    for (std::uint32_t s = 0; s < pipeline.stages(); ++s) images = {&forward(kLlm, s, images)};
    for (const ModuleId generator : pipeline.generators) forward(generator, 0, images);
    std::vector<const Tensor*> gradients;
    for (const ModuleId generator : pipeline.generators) gradients.push_back(&backward(generator, 0, {}));
    for (std::uint32_t s = pipeline.stages(); s-- > 0;) gradients = {&backward(kLlm, s, gradients)};
    for (const ModuleId encoder : pipeline.encoders)
      if (pipeline.modules[encoder].backward) backward(encoder, 0, gradients);
    double loss = 0;
    for (const auto& [key, pass] : passes_) loss += pass.loss;
    return loss;
  }

 private:
  Op op(ModuleId module, std::uint32_t stage) const {
    return {microbatch_, StageId{static_cast<std::uint16_t>(stage)}, module};
  }

  const Tensor& forward(ModuleId module, std::uint32_t at, const std::vector<const Tensor*>& inputs) {
    const Op pass_op = op(module, at);
    const StageKey key{module, pass_op.stage};
    StageWeights& stage = stages_.at(key);
    Pass& pass = passes_[key];
    pass.sample = make_sample(model_, module, pass_op.stage, microbatch_);
    pass.flowing = chain_input(model_, pass_op, pass.sample, inputs);
    allocate_kept(stage, rows_of(model_, module, microbatch_), pass);
    forward_blocks(stage, {0, stage.chain.size()}, pass);
    return pass.flowing;
  }

  const Tensor& backward(ModuleId module, std::uint32_t at, const std::vector<const Tensor*>& products) {
    const Op pass_op = op(module, at);
    const StageKey key{module, pass_op.stage};
    StageWeights& stage = stages_.at(key);
    Pass& pass = passes_.at(key);
    pass.flowing = chain_gradient(model_, pass_op, products);
    input_gradient_blocks(stage, {0, stage.chain.size()}, pass);
    weight_gradient_blocks(stage, {0, stage.chain.size()}, pass);
    return pass.flowing;
  }

  const Model& model_;
  std::map<StageKey, StageWeights>& stages_;
  MicrobatchId microbatch_;
  std::map<StageKey, Pass> passes_;
};

double largest(const Tensor& tensor) {
  double out = 0;
  for (const double value : tensor.values) out = std::max(out, std::abs(value));
  return out;
}

double difference(const Tensor& a, const Tensor& b) {
  if (a.shape != b.shape) return std::numeric_limits<double>::infinity();
  double out = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double d = std::abs(a.values[i] - b.values[i]);
    out = std::isnan(d) ? std::numeric_limits<double>::infinity() : std::max(out, d);
  }
  return out == 0 ? 0 : out / largest(b);
}

void note(GradientDifference& worst, StageKey stage, double relative) {
  if (relative > worst.relative) worst.relative = relative, worst.stage = stage;
}

void compare_stage(StageKey key, const std::vector<Tensors>& ours, const std::vector<Tensors>& plain,
                   GradientDifference& worst) {
  for (std::size_t b = 0; b < plain.size(); ++b)
    for (std::size_t t = 0; t < plain[b].size(); ++t, ++worst.tensors)
      note(worst, key, difference(ours.at(b).at(t), plain[b][t]));
}

}  // namespace

PlainStep run_plainly(const Model& model, const std::function<void()>& between) {
  std::map<StageKey, StageWeights> stages;
  for (std::size_t m = 0; m < model.stages.size(); ++m)
    for (std::size_t s = 0; s < model.stages[m].size(); ++s)
      stages[{ModuleId{static_cast<std::uint8_t>(m)}, StageId{static_cast<std::uint16_t>(s)}}] =
          make_stage(model.stages[m][s]);
  PlainStep out;
  for (std::uint32_t m = 0; m < model.pipeline.microbatches; ++m) {
    out.loss += PlainMicrobatch(model, stages, MicrobatchId{m}).run();
    between();
  }
  for (auto& [key, stage] : stages)
    if (model.pipeline.modules[key.module].backward) out.gradients[key] = std::move(stage.gradients);
  return out;
}

GradientDifference compare_gradients(const Gradients& ours, const Gradients& plain) {
  GradientDifference worst;
  for (const auto& [key, gradients] : plain) {
    const auto at = ours.find(key);
    if (at == ours.end()) note(worst, key, std::numeric_limits<double>::infinity());
    else compare_stage(key, at->second, gradients, worst);
  }
  for (const auto& [key, gradients] : ours)
    if (!plain.contains(key)) note(worst, key, std::numeric_limits<double>::infinity());
  return worst;
}

}  // namespace bigmac::runner
