// What each kind of block computes: one row of functions a kind. Private to the runner.
//
// forward fills `kept` (allocated by its caller from kept_shapes) and returns the output; input_gradient reads `kept`
// and fills `held`, all that weight_gradient still needs besides `kept`. B is the two after one another, I the first,
// W the second (Qi et al. 2023, 2401.10241, section 2).
#pragma once

#include "bigmac/runner/model.h"

namespace bigmac::runner {

struct BlockMath {
  std::vector<Shape> (*weight_shapes)(const Block&);
  std::vector<Shape> (*kept_shapes)(const Block&, std::int64_t rows);
  Tensor (*forward)(const Block&, const Tensors& weights, const Sample&, const Tensor& x, Tensors& kept, double& loss);
  Tensor (*input_gradient)(const Block&, const Tensors& weights, const Sample&, const Tensors& kept, const Tensor& dy,
                           Tensors& held);
  void (*weight_gradient)(const Block&, const Tensors& weights, const Sample&, const Tensors& kept, const Tensors& held,
                          Tensors& gradient);
};

const BlockMath& math_of(BlockKind kind);

/// The rows of the table, one file each family.
BlockMath attention_math();
BlockMath dense_math();
BlockMath projection_math();
BlockMath embedding_math();
BlockMath head_math();
BlockMath target_math();

/// Zero tensors of the shapes.
Tensors allocate(const std::vector<Shape>& shapes);

}  // namespace bigmac::runner
