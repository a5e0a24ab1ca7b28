// A small multimodal model for a pipeline: encoders, LLM stages, generators, all in double precision.
//
//   encoder     projection -> (attention, dense) x 2 -> projection to the LLM's width
//   LLM stage   attention, dense; stage 0 starts with token embeddings (behind the encoders' rows), the last stage ends
//               with a head and its cross-entropy loss, which passes the hidden states on to the generators
//   generator   projection -> attention, dense -> projection and mean square loss against a target
//
// A module's stage is a chain of blocks, so that an operation can be cut into parts: part k of n does blocks
// [Uk/n, U(k+1)/n) of U. Weights and data are functions of a seed and of names, so any rank can build any of them.
// Rows (tokens) differ between microbatches: a batch is uneven, as images of mixed sizes make it.
#pragma once

#include <cstdint>
#include <vector>

#include "bigmac/base/units.h"
#include "bigmac/runner/tensor.h"
#include "bigmac/workload/pipeline.h"

namespace bigmac::runner {

enum class BlockKind { projection, attention, dense, embedding, head, target };

struct Block {
  BlockKind kind = BlockKind::projection;
  std::int64_t in = 0, out = 0;  ///< widths of its input and output rows
  bool causal = false;           ///< attention of an LLM
  std::uint64_t seed = 0;        ///< of its weights
};

struct Model {
  Pipeline pipeline;
  std::uint64_t seed = 0;
  std::vector<std::vector<std::vector<Block>>> stages;  ///< by module and stage: the chain

  const std::vector<Block>& chain(ModuleId module, StageId stage) const { return stages[module.value][stage.value]; }
};

Model make_model(const Pipeline& pipeline, std::uint64_t seed);

/// Rows of a pass's activations; of an LLM pass those of all encoders and the text.
std::int64_t rows_of(const Model& model, ModuleId module, MicrobatchId microbatch);

/// Shape of what a pass hands on or back. The gradient of LLM stage 0 is that of the encoders' rows, one below another.
Shape output_shape(const Model& model, ModuleId module, StageId stage, MicrobatchId microbatch);
Shape input_shape(const Model& model, ModuleId module, StageId stage, MicrobatchId microbatch);

/// What a microbatch brings besides other modules' products.
struct Sample {
  std::vector<std::int64_t> tokens;   ///< text, for the embedding
  std::vector<std::int64_t> answers;  ///< a class for each row, for the head
  Tensor patches;                     ///< an encoder's input
  Tensor target;                      ///< a generator's target
  double weight = 1;                  ///< of its losses: 1 / microbatches
};
Sample make_sample(const Model& model, ModuleId module, StageId stage, MicrobatchId microbatch);

/// Initial weights of a block.
Tensors initial_weights(const Block& block);

/// What F keeps of one pass until its backward has ended, from shapes alone.
Bytes kept_bytes(const Model& model, ModuleId module, StageId stage, MicrobatchId microbatch);

}  // namespace bigmac::runner
