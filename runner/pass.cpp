#include "pass.h"

#include "bigmac/base/error.h"
#include "matrices.h"

namespace bigmac::runner {
namespace {

Tensors zeros_like(const Tensors& tensors) {
  Tensors out;
  for (const Tensor& tensor : tensors) out.emplace_back(tensor.shape);
  return out;
}

Tensor stacked(const std::vector<const Tensor*>& parts, Shape shape) {
  Tensor out(shape);
  std::int64_t row = 0;
  for (const Tensor* part : parts) {
    view(out).middleRows(row, part->shape.rows) = view(*part);
    row += part->shape.rows;
  }
  BIGMAC_CHECK(row == shape.rows);
  return out;
}

/// An encoder's rows of the gradient of LLM stage 0.
Tensor own_rows(const Model& model, const Op& op, const Tensor& all) {
  std::int64_t first = 0;
  for (const ModuleId encoder : model.pipeline.encoders) {
    if (encoder == op.module) break;
    first += rows_of(model, encoder, op.microbatch);
  }
  return tensor_of(view(all).middleRows(first, rows_of(model, op.module, op.microbatch)));
}

}  // namespace

StageWeights make_stage(const std::vector<Block>& chain) {
  StageWeights out{chain, {}, {}};
  for (const Block& block : chain) {
    out.weights.push_back(initial_weights(block));
    out.gradients.push_back(zeros_like(out.weights.back()));
  }
  return out;
}

BlockRange blocks_of_part(std::size_t blocks, std::size_t part, std::size_t parts) {
  return {blocks * part / parts, blocks * (part + 1) / parts};
}

void allocate_kept(const StageWeights& stage, std::int64_t rows, Pass& pass) {
  pass.kept.clear();
  for (const Block& block : stage.chain) pass.kept.push_back(allocate(math_of(block.kind).kept_shapes(block, rows)));
}

void forward_blocks(const StageWeights& stage, BlockRange range, Pass& pass) {
  for (std::size_t b = range.first; b < range.last; ++b) {
    const Block& block = stage.chain[b];
    pass.flowing =
        math_of(block.kind).forward(block, stage.weights[b], pass.sample, pass.flowing, pass.kept[b], pass.loss);
  }
}

void input_gradient_blocks(const StageWeights& stage, BlockRange range, Pass& pass) {
  pass.held.resize(stage.chain.size());
  for (std::size_t i = range.first; i < range.last; ++i) {
    const std::size_t b = stage.chain.size() - 1 - i;
    const Block& block = stage.chain[b];
    pass.flowing = math_of(block.kind)
                       .input_gradient(block, stage.weights[b], pass.sample, pass.kept[b], pass.flowing, pass.held[b]);
  }
}

void weight_gradient_blocks(StageWeights& stage, BlockRange range, Pass& pass) {
  for (std::size_t i = range.first; i < range.last; ++i) {
    const std::size_t b = stage.chain.size() - 1 - i;
    const Block& block = stage.chain[b];
    math_of(block.kind)
        .weight_gradient(block, stage.weights[b], pass.sample, pass.kept[b], pass.held[b], stage.gradients[b]);
    pass.held[b].clear();
  }
}

std::int64_t kept_bytes(const Pass& pass) {
  std::int64_t sum = 0;
  for (const Tensors& tensors : pass.kept) sum += bytes_of(tensors);
  return sum;
}

std::int64_t held_bytes(const Pass& pass) {
  std::int64_t sum = 0;
  for (const Tensors& tensors : pass.held) sum += bytes_of(tensors);
  return sum;
}

Tensor chain_input(const Model& model, const Op& op, const Sample& sample, const std::vector<const Tensor*>& products) {
  if (model.pipeline.modules[op.module].role == Role::encoder) return sample.patches;
  return stacked(products, input_shape(model, op.module, op.stage, op.microbatch));
}

Tensor chain_gradient(const Model& model, const Op& op, const std::vector<const Tensor*>& products) {
  const Role role = model.pipeline.modules[op.module].role;
  if (role == Role::encoder) return own_rows(model, op, *products.at(0));
  if (role == Role::generator) return {};
  Tensor sum(output_shape(model, op.module, op.stage, op.microbatch));
  for (const Tensor* product : products) view(sum) += view(*product);
  return sum;
}

}  // namespace bigmac::runner
