// Tensors seen as Eigen matrices, and the normalisation that attention and dense blocks share. Private to the runner.
#pragma once

#include <cmath>

#include <Eigen/Dense>

#include "bigmac/runner/tensor.h"

namespace bigmac::runner {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

inline Eigen::Map<Matrix> view(Tensor& t) { return {t.values.data(), t.shape.rows, t.shape.columns}; }
inline Eigen::Map<const Matrix> view(const Tensor& t) { return {t.values.data(), t.shape.rows, t.shape.columns}; }

template <class Expression>
Tensor tensor_of(const Expression& expression) {
  Tensor out(Shape{expression.rows(), expression.cols()});
  view(out) = expression;
  return out;
}

/// Root mean square normalisation (Zhang and Sennrich 2019, 1910.07467): unit = x / rms(x), a = unit * gain.
inline void normalise(const Tensor& x, Tensor& unit, Tensor& inverse_rms) {
  constexpr double kEpsilon = 1e-6;
  const auto in = view(x);
  view(inverse_rms) = (in.array().square().rowwise().mean() + kEpsilon).rsqrt().matrix();
  view(unit) = view(inverse_rms).col(0).asDiagonal() * in;
}

inline Matrix scaled(const Tensor& unit, const Tensor& gain) { return view(unit) * view(gain).row(0).asDiagonal(); }

/// dx of the normalisation, given da.
inline Matrix normalise_gradient(const Tensor& unit, const Tensor& inverse_rms, const Tensor& gain, const Matrix& da) {
  const Matrix dunit = da * view(gain).row(0).asDiagonal();
  const Eigen::VectorXd along = (dunit.array() * view(unit).array()).rowwise().mean();
  return view(inverse_rms).col(0).asDiagonal() * (dunit - along.asDiagonal() * view(unit));
}

inline void add_gain_gradient(const Tensor& unit, const Tensor& da, Tensor& gradient) {
  view(gradient) += (view(da).array() * view(unit).array()).colwise().sum().matrix();
}

}  // namespace bigmac::runner
