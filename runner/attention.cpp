// y = x + softmax(q k' / sqrt(d)) v Wo, heads side by side; q, k, v from the normalised rows.
#include <limits>

#include "blocks.h"
#include "matrices.h"

namespace bigmac::runner {
namespace {

constexpr std::int64_t kHeads = 2;
enum Weight { kGain, kWq, kWk, kWv, kWo };
enum Kept { kUnit, kInverse, kQ, kK, kV, kWeights, kMixed };  // kWeights: the softmax of each head, one below another
enum Held { kDy, kDa, kDq, kDk, kDv };

std::vector<Shape> weight_shapes(const Block& block) {
  const Shape square{block.in, block.in};
  return {{1, block.in}, square, square, square, square};
}

std::vector<Shape> kept_shapes(const Block& block, std::int64_t rows) {
  const Shape all{rows, block.in};
  return {all, {rows, 1}, all, all, all, {kHeads * rows, rows}, all};
}

template <class Rows>
void softmax(Rows&& scores, bool causal) {
  for (Eigen::Index row = 0; row < scores.rows(); ++row) {
    if (causal) scores.row(row).tail(scores.cols() - row - 1).setConstant(-std::numeric_limits<double>::infinity());
    scores.row(row).array() = (scores.row(row).array() - scores.row(row).maxCoeff()).exp();
    scores.row(row) /= scores.row(row).sum();
  }
}

Tensor forward(const Block& block, const Tensors& w, const Sample&, const Tensor& x, Tensors& kept, double&) {
  normalise(x, kept[kUnit], kept[kInverse]);
  const Matrix a = scaled(kept[kUnit], w[kGain]);
  auto q = view(kept[kQ]), k = view(kept[kK]), v = view(kept[kV]), mixed = view(kept[kMixed]);
  q = a * view(w[kWq]);
  k = a * view(w[kWk]);
  v = a * view(w[kWv]);
  const Eigen::Index rows = x.shape.rows, width = block.in / kHeads;
  for (Eigen::Index head = 0; head < kHeads; ++head) {
    auto scores = view(kept[kWeights]).middleRows(head * rows, rows);
    const auto columns = [&](auto& of) { return of.middleCols(head * width, width); };
    scores = columns(q) * columns(k).transpose() / std::sqrt(static_cast<double>(width));
    softmax(scores, block.causal);
    columns(mixed) = scores * columns(v);
  }
  return tensor_of(view(x) + mixed * view(w[kWo]));
}

/// Of one head: from the gradient of what it mixed to those of q, k, v.
void head_gradient(const Tensors& kept, Eigen::Index head, const Matrix& dmixed, Matrix& dq, Matrix& dk, Matrix& dv) {
  const Eigen::Index rows = dmixed.rows(), width = dmixed.cols() / kHeads;
  const auto columns = [&](auto&& of) { return of.middleCols(head * width, width); };
  const Matrix p = view(kept[kWeights]).middleRows(head * rows, rows);
  const Matrix d = columns(dmixed);
  columns(dv) = p.transpose() * d;
  const Matrix dp = d * columns(view(kept[kV])).transpose();
  const Eigen::VectorXd along = (dp.array() * p.array()).rowwise().sum();
  const Matrix dscores =
      (p.array() * (dp.array().colwise() - along.array())).matrix() / std::sqrt(static_cast<double>(width));
  columns(dq) = dscores * columns(view(kept[kK]));
  columns(dk) = dscores.transpose() * columns(view(kept[kQ]));
}

Tensor input_gradient(const Block& block, const Tensors& w, const Sample&, const Tensors& kept, const Tensor& dy,
                      Tensors& held) {
  const Matrix dmixed = view(dy) * view(w[kWo]).transpose();
  Matrix dq(dmixed.rows(), block.in), dk = dq, dv = dq;
  for (Eigen::Index head = 0; head < kHeads; ++head) head_gradient(kept, head, dmixed, dq, dk, dv);
  const Matrix da = dq * view(w[kWq]).transpose() + dk * view(w[kWk]).transpose() + dv * view(w[kWv]).transpose();
  held = {dy, tensor_of(da), tensor_of(dq), tensor_of(dk), tensor_of(dv)};
  return tensor_of(view(dy) + normalise_gradient(kept[kUnit], kept[kInverse], w[kGain], da));
}

void weight_gradient(const Block&, const Tensors& w, const Sample&, const Tensors& kept, const Tensors& held,
                     Tensors& gradient) {
  const Matrix a = scaled(kept[kUnit], w[kGain]);
  add_gain_gradient(kept[kUnit], held[kDa], gradient[kGain]);
  view(gradient[kWq]) += a.transpose() * view(held[kDq]);
  view(gradient[kWk]) += a.transpose() * view(held[kDk]);
  view(gradient[kWv]) += a.transpose() * view(held[kDv]);
  view(gradient[kWo]) += view(kept[kMixed]).transpose() * view(held[kDy]);
}

}  // namespace

BlockMath attention_math() { return {weight_shapes, kept_shapes, forward, input_gradient, weight_gradient}; }

}  // namespace bigmac::runner
