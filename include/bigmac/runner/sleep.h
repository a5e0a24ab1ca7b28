// The operations of a rank, slept: each takes the time it was planned to take, and so does each transfer.
//
// An operation whose inputs were here starts when the one before it was due to end; one that waited starts when its
// last input was seen. So a late wake-up does not add up along a rank, and everything that messages really cost does.
// While it sleeps a rank wakes only to send what falls due. Messages carry the number of their product, and are
// checked.
#pragma once

#include "bigmac/cost/cost_table.h"
#include "bigmac/runner/messenger.h"
#include "bigmac/runner/transfers.h"

namespace bigmac::runner {

class SleepWork : public Work {
 public:
  /// `durations`: of this rank's operations, in order. Each planned nanosecond lasts `scale` nanoseconds. `costs` (for
  /// transfers) and `messenger` must outlive it.
  SleepWork(const Pipeline& pipeline, const CostTable& costs, std::vector<Nanoseconds> durations, Messenger& messenger,
            double scale);

  void start(Clock::time_point at) override { free_at_ = at; }
  Shape shape_of(const ProductKey&) const override { return {1, 1}; }
  std::optional<Tensor> run(const Op& op, const Inputs& inputs) override;
  Clock::time_point departure(const Op& op) const override;

 private:
  std::chrono::nanoseconds scaled(Nanoseconds planned) const {
    return std::chrono::nanoseconds(static_cast<std::int64_t>(static_cast<double>(planned.value) * scale_));
  }

  const CostTable& costs_;
  Messenger& messenger_;
  ProductNumbers number_;
  std::vector<Nanoseconds> durations_;
  std::size_t done_ = 0;  // operations
  double scale_;
  Clock::time_point free_at_;  // when the last operation was due to end
};

}  // namespace bigmac::runner
