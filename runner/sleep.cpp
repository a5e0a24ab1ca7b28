#include "bigmac/runner/sleep.h"

#include "bigmac/base/error.h"

namespace bigmac::runner {
SleepWork::SleepWork(const Pipeline& pipeline, const CostTable& costs, std::vector<Nanoseconds> durations,
                     Messenger& messenger, double scale)
    : costs_(costs), messenger_(messenger), number_(pipeline), durations_(std::move(durations)), scale_(scale) {}

std::optional<Tensor> SleepWork::run(const Op& op, const Inputs& inputs) {
  for (const auto& [key, tensor] : inputs.products)
    BIGMAC_CHECK(tensor->values.at(0) == static_cast<double>(number_(key)));
  if (inputs.waited) free_at_ = Clock::now();
  free_at_ += scaled(durations_.at(done_++));
  messenger_.sleep_until(free_at_);
  if (!makes_product(op.kind) || op.part + 1 < op.parts) return std::nullopt;
  Tensor product(Shape{1, 1});
  product.values[0] = static_cast<double>(number_({product_of(op.kind), op.module, op.stage, op.microbatch}));
  return product;
}

Clock::time_point SleepWork::departure(const Op& op) const {
  return free_at_ + scaled(costs_.transfer[costs_.slot(op)]);
}

}  // namespace bigmac::runner
