#include "bigmac/runner/model.h"

#include <array>
#include <cmath>

#include "bigmac/base/error.h"
#include "bigmac/base/random.h"
#include "blocks.h"

namespace bigmac::runner {
namespace {

constexpr std::int64_t kPatchWidth = 6, kEncoderWidth = 8, kHidden = 12, kGeneratorWidth = 10, kTargetWidth = 5;
constexpr std::int64_t kVocabulary = 11, kLeastPatches = 3, kLeastText = 4;
constexpr int kEncoderLayers = 2;

/// One step of SplitMix64 (Steele et al. 2014): a seed out of a seed and a name.
std::uint64_t mix(std::uint64_t seed, std::uint64_t name) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15u * (name + 1);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

enum Purpose : std::uint64_t { kWeightsOf, kRowsOf, kDataOf };

std::uint64_t seed_for(const Model& model, Purpose purpose, std::uint64_t module, std::uint64_t at) {
  return mix(mix(mix(model.seed, purpose), module), at);
}

std::vector<Block> encoder_chain() {
  std::vector<Block> chain = {{BlockKind::projection, kPatchWidth, kEncoderWidth}};
  for (int layer = 0; layer < kEncoderLayers; ++layer) {
    chain.push_back({BlockKind::attention, kEncoderWidth, kEncoderWidth});
    chain.push_back({BlockKind::dense, kEncoderWidth, kEncoderWidth});
  }
  chain.push_back({BlockKind::projection, kEncoderWidth, kHidden});
  return chain;
}

std::vector<Block> llm_chain(bool first, bool last) {
  std::vector<Block> chain;
  if (first) chain.push_back({BlockKind::embedding, kHidden, kVocabulary});
  chain.push_back({BlockKind::attention, kHidden, kHidden, true});
  chain.push_back({BlockKind::dense, kHidden, kHidden});
  if (last) chain.push_back({BlockKind::head, kHidden, kVocabulary});
  return chain;
}

std::vector<Block> generator_chain() {
  return {{BlockKind::projection, kHidden, kGeneratorWidth},
          {BlockKind::attention, kGeneratorWidth, kGeneratorWidth},
          {BlockKind::dense, kGeneratorWidth, kGeneratorWidth},
          {BlockKind::target, kGeneratorWidth, kTargetWidth}};
}

std::vector<Block> chain_of(const ModuleShape& module, std::uint32_t stage) {
  if (module.role == Role::encoder) return encoder_chain();
  if (module.role == Role::generator) return generator_chain();
  return llm_chain(stage == 0, stage + 1 == module.stages);
}

void fill_normal(Tensor& tensor, Random& random, double scale) {
  for (double& value : tensor.values) value = scale * random.normal();
}

std::int64_t encoder_rows(const Model& model, MicrobatchId microbatch) {
  std::int64_t rows = 0;
  for (const ModuleId encoder : model.pipeline.encoders) rows += rows_of(model, encoder, microbatch);
  return rows;
}

std::int64_t text_rows(const Model& model, MicrobatchId microbatch) {
  return kLeastText + static_cast<std::int64_t>(seed_for(model, kRowsOf, kLlm.value, microbatch.value) % 3);
}

std::vector<std::int64_t> draw_classes(Random& random, std::int64_t count) {
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < count; ++i) out.push_back(random.integer(0, kVocabulary - 1));
  return out;
}

}  // namespace

Model make_model(const Pipeline& pipeline, std::uint64_t seed) {
  Model model{pipeline, seed, {}};
  for (std::size_t m = 0; m < pipeline.modules.size(); ++m) {
    auto& stages = model.stages.emplace_back();
    for (std::uint32_t stage = 0; stage < pipeline.modules.items[m].stages; ++stage) {
      stages.push_back(chain_of(pipeline.modules.items[m], stage));
      for (std::size_t b = 0; b < stages.back().size(); ++b)
        stages.back()[b].seed = mix(seed_for(model, kWeightsOf, m, stage), b);
    }
  }
  return model;
}

std::int64_t rows_of(const Model& model, ModuleId module, MicrobatchId microbatch) {
  if (model.pipeline.modules[module].role != Role::encoder)
    return encoder_rows(model, microbatch) + text_rows(model, microbatch);
  return kLeastPatches + static_cast<std::int64_t>(seed_for(model, kRowsOf, module.value, microbatch.value) % 4);
}

Shape output_shape(const Model& model, ModuleId module, StageId, MicrobatchId microbatch) {
  return {rows_of(model, module, microbatch), kHidden};
}

Shape input_shape(const Model& model, ModuleId module, StageId stage, MicrobatchId microbatch) {
  const bool first = module == kLlm && stage.value == 0;
  return {first ? encoder_rows(model, microbatch) : rows_of(model, module, microbatch), kHidden};
}

Sample make_sample(const Model& model, ModuleId module, StageId stage, MicrobatchId microbatch) {
  Random random(seed_for(model, kDataOf, module.value, microbatch.value));
  Sample sample;
  sample.weight = 1.0 / model.pipeline.microbatches;
  const std::int64_t rows = rows_of(model, module, microbatch);
  const Role role = model.pipeline.modules[module].role;
  if (role == Role::encoder) fill_normal(sample.patches = Tensor({rows, kPatchWidth}), random, 1);
  if (role == Role::generator) fill_normal(sample.target = Tensor({rows, kTargetWidth}), random, 1);
  if (role != Role::llm) return sample;
  const auto tokens = draw_classes(random, text_rows(model, microbatch));
  if (stage.value == 0) sample.tokens = tokens;
  if (stage == model.pipeline.last_stage()) sample.answers = draw_classes(random, rows);
  return sample;
}

Tensors initial_weights(const Block& block) {
  Random random(block.seed);
  Tensors out = allocate(math_of(block.kind).weight_shapes(block));
  for (Tensor& weight : out) {
    const bool gain = weight.shape.rows == 1;
    fill_normal(weight, random, gain ? 0.1 : 1 / std::sqrt(static_cast<double>(weight.shape.rows)));
    if (gain)
      for (double& value : weight.values) value += 1;
  }
  return out;
}

Bytes kept_bytes(const Model& model, ModuleId module, StageId stage, MicrobatchId microbatch) {
  std::int64_t sum = 0;
  const std::int64_t rows = rows_of(model, module, microbatch);
  for (const Block& block : model.chain(module, stage))
    for (const Shape& shape : math_of(block.kind).kept_shapes(block, rows))
      sum += shape.size() * static_cast<std::int64_t>(sizeof(double));
  return Bytes{sum};
}

Tensors allocate(const std::vector<Shape>& shapes) {
  Tensors out;
  for (const Shape& shape : shapes) out.emplace_back(shape);
  return out;
}

const BlockMath& math_of(BlockKind kind) {
  // In the order of BlockKind.
  static const std::array<BlockMath, 6> table = {projection_math(), attention_math(), dense_math(),
                                                 embedding_math(),  head_math(),      target_math()};
  return table[static_cast<std::size_t>(kind)];
}

}  // namespace bigmac::runner
