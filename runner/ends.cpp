// Where data enters and losses leave: token embeddings, the LLM's head, a generator's target.
#include "blocks.h"
#include "matrices.h"

namespace bigmac::runner {
namespace {

// Embedding: y = [x; E[tokens]], `in` = width, `out` = vocabulary.
std::vector<Shape> embedding_weights(const Block& block) { return {{block.out, block.in}}; }
std::vector<Shape> embedding_kept(const Block&, std::int64_t) { return {}; }

Tensor embedding_forward(const Block& block, const Tensors& w, const Sample& sample, const Tensor& x, Tensors&,
                         double&) {
  const auto text = static_cast<std::int64_t>(sample.tokens.size());
  Tensor y(Shape{x.shape.rows + text, block.in});
  view(y).topRows(x.shape.rows) = view(x);
  for (std::int64_t i = 0; i < text; ++i)
    view(y).row(x.shape.rows + i) = view(w[0]).row(sample.tokens[static_cast<std::size_t>(i)]);
  return y;
}

Tensor embedding_input_gradient(const Block&, const Tensors&, const Sample& sample, const Tensors&, const Tensor& dy,
                                Tensors& held) {
  held = {dy};
  return tensor_of(view(dy).topRows(dy.shape.rows - static_cast<std::int64_t>(sample.tokens.size())));
}

void embedding_weight_gradient(const Block&, const Tensors&, const Sample& sample, const Tensors&, const Tensors& held,
                               Tensors& gradient) {
  const auto text = static_cast<std::int64_t>(sample.tokens.size());
  const std::int64_t before = held[0].shape.rows - text;
  for (std::int64_t i = 0; i < text; ++i)
    view(gradient[0]).row(sample.tokens[static_cast<std::size_t>(i)]) += view(held[0]).row(before + i);
}

// Head: cross-entropy of softmax(x W) against a class for each row, mean over rows; y = x.
std::vector<Shape> head_weights(const Block& block) { return {{block.in, block.out}}; }
std::vector<Shape> head_kept(const Block& block, std::int64_t rows) { return {{rows, block.in}, {rows, block.out}}; }

Tensor head_forward(const Block&, const Tensors& w, const Sample& sample, const Tensor& x, Tensors& kept,
                    double& loss) {
  kept[0] = x;
  auto p = view(kept[1]);
  p = view(x) * view(w[0]);
  const double share = sample.weight / static_cast<double>(x.shape.rows);
  for (Eigen::Index row = 0; row < p.rows(); ++row) {
    p.row(row).array() = (p.row(row).array() - p.row(row).maxCoeff()).exp();
    p.row(row) /= p.row(row).sum();
    loss -= share * std::log(p(row, sample.answers[static_cast<std::size_t>(row)]));
  }
  return x;
}

Tensor head_input_gradient(const Block&, const Tensors& w, const Sample& sample, const Tensors& kept, const Tensor& dy,
                           Tensors& held) {
  Matrix dlogits = view(kept[1]);
  for (Eigen::Index row = 0; row < dlogits.rows(); ++row)
    dlogits(row, sample.answers[static_cast<std::size_t>(row)]) -= 1;
  dlogits *= sample.weight / static_cast<double>(dlogits.rows());
  held = {tensor_of(dlogits)};
  return tensor_of(view(dy) + dlogits * view(w[0]).transpose());
}

void head_weight_gradient(const Block&, const Tensors&, const Sample&, const Tensors& kept, const Tensors& held,
                          Tensors& gradient) {
  view(gradient[0]) += view(kept[0]).transpose() * view(held[0]);
}

// Target: half the mean square of x W - target; nothing is handed on.
std::vector<Shape> target_kept(const Block& block, std::int64_t rows) { return {{rows, block.in}, {rows, block.out}}; }

Tensor target_forward(const Block&, const Tensors& w, const Sample& sample, const Tensor& x, Tensors& kept,
                      double& loss) {
  kept[0] = x;
  view(kept[1]) = view(x) * view(w[0]) - view(sample.target);
  loss += sample.weight * 0.5 * view(kept[1]).squaredNorm() / static_cast<double>(kept[1].shape.size());
  return {};
}

Tensor target_input_gradient(const Block&, const Tensors& w, const Sample& sample, const Tensors& kept, const Tensor&,
                             Tensors& held) {
  held = {tensor_of(view(kept[1]) * (sample.weight / static_cast<double>(kept[1].shape.size())))};
  return tensor_of(view(held[0]) * view(w[0]).transpose());
}

}  // namespace

BlockMath embedding_math() {
  return {embedding_weights, embedding_kept, embedding_forward, embedding_input_gradient, embedding_weight_gradient};
}

BlockMath head_math() { return {head_weights, head_kept, head_forward, head_input_gradient, head_weight_gradient}; }

BlockMath target_math() {
  return {head_weights, target_kept, target_forward, target_input_gradient, head_weight_gradient};
}

}  // namespace bigmac::runner
