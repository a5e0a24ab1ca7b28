// y = x + silu(a W1) W2, a the normalised rows; and the plain projection y = x W.
#include "blocks.h"
#include "matrices.h"

namespace bigmac::runner {
namespace {

constexpr std::int64_t kWiden = 2;
enum Weight { kGain, kW1, kW2 };
enum Kept { kUnit, kInverse, kInner };
enum Held { kDy, kDa, kDinner };

std::vector<Shape> dense_weights(const Block& block) {
  return {{1, block.in}, {block.in, kWiden * block.in}, {kWiden * block.in, block.in}};
}

std::vector<Shape> dense_kept(const Block& block, std::int64_t rows) {
  return {{rows, block.in}, {rows, 1}, {rows, kWiden * block.in}};
}

Matrix sigmoid(const Tensor& x) { return (1 + (-view(x).array()).exp()).inverse().matrix(); }
Matrix silu(const Tensor& x) { return (view(x).array() * sigmoid(x).array()).matrix(); }

Tensor dense_forward(const Block&, const Tensors& w, const Sample&, const Tensor& x, Tensors& kept, double&) {
  normalise(x, kept[kUnit], kept[kInverse]);
  view(kept[kInner]) = scaled(kept[kUnit], w[kGain]) * view(w[kW1]);
  return tensor_of(view(x) + silu(kept[kInner]) * view(w[kW2]));
}

Tensor dense_input_gradient(const Block&, const Tensors& w, const Sample&, const Tensors& kept, const Tensor& dy,
                            Tensors& held) {
  const Matrix s = sigmoid(kept[kInner]);
  const auto inner = view(kept[kInner]).array();
  const Matrix slope = (s.array() * (1 + inner * (1 - s.array()))).matrix();
  const Matrix dinner = ((view(dy) * view(w[kW2]).transpose()).array() * slope.array()).matrix();
  const Matrix da = dinner * view(w[kW1]).transpose();
  held = {dy, tensor_of(da), tensor_of(dinner)};
  return tensor_of(view(dy) + normalise_gradient(kept[kUnit], kept[kInverse], w[kGain], da));
}

void dense_weight_gradient(const Block&, const Tensors& w, const Sample&, const Tensors& kept, const Tensors& held,
                           Tensors& gradient) {
  add_gain_gradient(kept[kUnit], held[kDa], gradient[kGain]);
  view(gradient[kW1]) += scaled(kept[kUnit], w[kGain]).transpose() * view(held[kDinner]);
  view(gradient[kW2]) += silu(kept[kInner]).transpose() * view(held[kDy]);
}

std::vector<Shape> projection_weights(const Block& block) { return {{block.in, block.out}}; }
std::vector<Shape> projection_kept(const Block& block, std::int64_t rows) { return {{rows, block.in}}; }

Tensor projection_forward(const Block&, const Tensors& w, const Sample&, const Tensor& x, Tensors& kept, double&) {
  kept[0] = x;
  return tensor_of(view(x) * view(w[0]));
}

Tensor projection_input_gradient(const Block&, const Tensors& w, const Sample&, const Tensors&, const Tensor& dy,
                                 Tensors& held) {
  held = {dy};
  return tensor_of(view(dy) * view(w[0]).transpose());
}

void projection_weight_gradient(const Block&, const Tensors&, const Sample&, const Tensors& kept, const Tensors& held,
                                Tensors& gradient) {
  view(gradient[0]) += view(kept[0]).transpose() * view(held[0]);
}

}  // namespace

BlockMath dense_math() {
  return {dense_weights, dense_kept, dense_forward, dense_input_gradient, dense_weight_gradient};
}

BlockMath projection_math() {
  return {projection_weights, projection_kept, projection_forward, projection_input_gradient,
          projection_weight_gradient};
}

}  // namespace bigmac::runner
