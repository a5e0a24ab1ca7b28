// A matrix of doubles that owns its memory: what activations, gradients and messages are made of.
#pragma once

#include <cstdint>
#include <vector>

namespace bigmac::runner {

struct Shape {
  std::int64_t rows = 0;
  std::int64_t columns = 0;

  std::int64_t size() const { return rows * columns; }
  friend bool operator==(const Shape&, const Shape&) = default;
};

/// Row-major.
struct Tensor {
  Shape shape;
  std::vector<double> values;

  Tensor() = default;
  explicit Tensor(Shape of) : shape(of), values(static_cast<std::size_t>(of.size()), 0.0) {}
  std::int64_t bytes() const { return static_cast<std::int64_t>(values.size() * sizeof(double)); }
};

using Tensors = std::vector<Tensor>;

inline std::int64_t bytes_of(const Tensors& tensors) {
  std::int64_t sum = 0;
  for (const Tensor& tensor : tensors) sum += tensor.bytes();
  return sum;
}

}  // namespace bigmac::runner
