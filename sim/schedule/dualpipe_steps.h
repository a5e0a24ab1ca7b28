// The eight steps that DualPipe and DualPipeV share. Private to the schedule room.
//
// Seen from a rank there are two streams of microbatches: stream 0 passes it on the way in, stream 1 on the way out of
// its half of the ranks (DualPipe: two directions; DualPipeV: the two arms of the V). With H ranks in a half, h the
// rank's distance from the outer end and N microbatches a stream:
//
//   1  2(H-1-h) x F0          3  (H-1-h) x I1 W F1             5  (H-1-h) x B1 (F1;B0)      7  (H-1-h) x W I0
//   2  (h+1) x F0 F1          4  (N-2H+h+1) x (F0;B1) (F1;B0)  6  (h+1) x B1 B0, later I    8  (h+1) x W
//
// Ws run in the order of their Is. In step 6 the second half of the backwards leave their W for steps 7 and 8.
#pragma once

#include <array>
#include <deque>

#include "bigmac/workload/pipeline.h"

namespace bigmac {

/// Where one rank's stream runs: its stage there, and the job's number of its first microbatch.
struct DualStream {
  StageId stage;
  std::uint32_t first_microbatch = 0;
};

class DualPipeSteps {
 public:
  DualPipeSteps(std::uint32_t half, std::uint32_t depth, std::array<DualStream, 2> streams, std::vector<Op>& out)
      : inward_(half - depth - 1), depth_(depth), half_(half), streams_(streams), out_(out) {}

  /// Needs microbatches_each >= 2 half.
  void append(std::uint32_t microbatches_each) {
    out_.reserve(out_.size() + std::size_t{4} * (microbatches_each + half_));
    warm_up();
    for (std::uint32_t i = 0; i < microbatches_each - 2 * half_ + depth_ + 1; ++i) {
      forward(0);
      backward(1);
      forward(1);
      backward(0);
    }
    cool_down();
  }

 private:
  void warm_up() {
    for (std::uint32_t i = 0; i < 2 * inward_; ++i) forward(0);
    for (std::uint32_t i = 0; i < depth_ + 1; ++i) {
      forward(0);
      forward(1);
    }
    for (std::uint32_t i = 0; i < inward_; ++i) {
      input_gradient(1);
      weight_gradient();
      forward(1);
    }
  }
  void cool_down() {
    for (std::uint32_t i = 0; i < inward_; ++i) {
      backward(1);
      forward(1);
      backward(0);
    }
    for (std::uint32_t i = 0; i < 2 * (depth_ + 1); ++i) {
      const std::uint32_t stream = i % 2 == 0 ? 1 : 0;
      if (i <= depth_) backward(stream);
      else input_gradient(stream);
    }
    for (std::uint32_t i = 0; i < inward_; ++i) {
      weight_gradient();
      input_gradient(0);
    }
    for (std::uint32_t i = 0; i < depth_ + 1; ++i) weight_gradient();
  }

  void forward(std::uint32_t stream) { out_.push_back(op(OpKind::forward, stream, forwards_[stream]++)); }
  void backward(std::uint32_t stream) { out_.push_back(op(OpKind::backward, stream, backwards_[stream]++)); }
  void input_gradient(std::uint32_t stream) {
    out_.push_back(op(OpKind::input_gradient, stream, backwards_[stream]++));
    waiting_.push_back(out_.back());
  }
  void weight_gradient() {
    out_.push_back(waiting_.front());
    out_.back().kind = OpKind::weight_gradient;
    waiting_.pop_front();
  }
  Op op(OpKind kind, std::uint32_t stream, std::uint32_t count) const {
    return {MicrobatchId{streams_[stream].first_microbatch + count}, streams_[stream].stage, kLlm, kind};
  }

  const std::uint32_t inward_;  ///< ranks between this one and the middle
  const std::uint32_t depth_, half_;
  const std::array<DualStream, 2> streams_;
  std::vector<Op>& out_;
  std::array<std::uint32_t, 2> forwards_{}, backwards_{};
  std::deque<Op> waiting_;
};

}  // namespace bigmac
