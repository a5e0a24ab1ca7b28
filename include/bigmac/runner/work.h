// What an executor asks of whatever does the operations: the one open end of the runner.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "bigmac/runner/tensor.h"
#include "bigmac/schedule/dependencies.h"

namespace bigmac::runner {

using Clock = std::chrono::steady_clock;
using SharedTensor = std::shared_ptr<const Tensor>;

struct Inputs {
  std::vector<std::pair<ProductKey, SharedTensor>> products;  ///< of other passes, in the dependency rule's order
  bool waited = false;                                        ///< the rank stood idle until the last of them came
};

class Work {
 public:
  virtual ~Work() = default;
  /// The step begins now, on every rank.
  virtual void start(Clock::time_point) {}
  /// Of a product that this rank is to receive.
  virtual Shape shape_of(const ProductKey& product) const = 0;
  /// Does one operation, or one part of it; the last part of F, B and I gives its product.
  virtual std::optional<Tensor> run(const Op& op, const Inputs& inputs) = 0;
  /// When the product of the operation that has just run may leave for other ranks.
  virtual Clock::time_point departure(const Op& op) const = 0;
};

}  // namespace bigmac::runner
