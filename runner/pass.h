// One pass: a module's stage working on one microbatch, from its F to the end of its backward. Private to the runner.
#pragma once

#include "blocks.h"

namespace bigmac::runner {

/// The weights of one stage and the sum of their gradients.
struct StageWeights {
  std::vector<Block> chain;
  std::vector<Tensors> weights, gradients;  // by block
};
StageWeights make_stage(const std::vector<Block>& chain);

struct Pass {
  Sample sample;
  bool recomputed = false;          // R makes `kept` again from `input`
  Tensor input;                     // only then
  Tensor flowing;                   // between blocks: the activation in F and R, the gradient in B and I
  std::vector<Tensors> kept, held;  // by block
  double loss = 0;
};

/// Blocks of part `part` of `parts`: [first, last).
struct BlockRange {
  std::size_t first, last;
};
BlockRange blocks_of_part(std::size_t blocks, std::size_t part, std::size_t parts);

void allocate_kept(const StageWeights& stage, std::int64_t rows, Pass& pass);
/// Blocks of `range` in order, from and to pass.flowing.
void forward_blocks(const StageWeights& stage, BlockRange range, Pass& pass);
/// Blocks from the end of the chain: `range` counts from the last block backwards.
void input_gradient_blocks(const StageWeights& stage, BlockRange range, Pass& pass);
/// The same counting; adds to the stage's gradients and lets go of what I held.
void weight_gradient_blocks(StageWeights& stage, BlockRange range, Pass& pass);

std::int64_t kept_bytes(const Pass& pass);
std::int64_t held_bytes(const Pass& pass);

/// The input of a chain out of other passes' products, and the gradient it starts its backward from.
Tensor chain_input(const Model& model, const Op& op, const Sample& sample, const std::vector<const Tensor*>& products);
Tensor chain_gradient(const Model& model, const Op& op, const std::vector<const Tensor*>& products);

}  // namespace bigmac::runner
