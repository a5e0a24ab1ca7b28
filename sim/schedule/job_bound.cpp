#include "bigmac/schedule/job_bound.h"

#include <algorithm>

#include "bigmac/schedule/rides.h"
#include "packing_bound.h"

namespace bigmac {
namespace {

constexpr std::int64_t kUnset = INT64_MAX;

class JobBound {
 public:
  JobBound(const Pipeline& pipeline, const CostTable& costs)
      : pipeline_(pipeline),
        costs_(costs),
        head_(pipeline.ranks, kUnset),
        tail_(pipeline.ranks, kUnset),
        work_(pipeline.ranks, 0) {
    for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) follow(MicrobatchId{m});
  }

  std::int64_t bound() const {
    std::int64_t best = std::max({longest_chain_, waterfill(), whole_pieces()});
    std::int64_t total = generator_, outside = 0;
    for (std::uint32_t r = 0; r < pipeline_.ranks; ++r) {
      best = std::max(best, head_[r] + work_[r] + tail_[r]);
      total += work_[r];
      outside += head_[r] + tail_[r];
    }
    const std::int64_t ranks = pipeline_.ranks;
    const std::int64_t listed = std::max<std::int64_t>(0, encoder_ - most_riding_work(pipeline_, costs_).value);
    return std::max(best, (total + std::max(listed, outside) + ranks - 1) / ranks);
  }

 private:
  std::int64_t cost(ModuleId module, OpKind kind, std::uint32_t stage, MicrobatchId m) const {
    return costs_.duration[costs_.slot(module, kind, StageId{static_cast<std::uint16_t>(stage)}, m)].value;
  }
  std::int64_t all_stages(ModuleId module, OpKind kind, MicrobatchId m) const {
    std::int64_t sum = 0;
    for (std::uint32_t stage = 0; stage < pipeline_.modules[module].stages; ++stage)
      sum += cost(module, kind, stage, m);
    return sum;
  }
  /// To the next stage or the one before: always another rank, unless there is only one.
  std::int64_t transfer(OpKind kind, std::uint32_t stage, MicrobatchId m) const {
    if (pipeline_.ranks == 1) return 0;
    return costs_.transfer[costs_.slot(kLlm, kind, StageId{static_cast<std::uint16_t>(stage)}, m)].value;
  }

  void follow(MicrobatchId m) {
    std::int64_t encoder_forward = 0, encoder_backward = 0, generator = 0;
    for (const ModuleId module : pipeline_.encoders) {
      // All stages of an encoder: one after the other, wherever they lie.
      const std::int64_t forward = all_stages(module, OpKind::forward, m);
      const std::int64_t backward = pipeline_.modules[module].backward ? all_stages(module, OpKind::backward, m) : 0;
      encoder_forward = std::max(encoder_forward, forward);
      encoder_backward = std::max(encoder_backward, backward);
      encoder_ += forward + backward;
      for (std::uint32_t stage = 0; stage < pipeline_.modules[module].stages; ++stage)
        pieces_.push_back(cost(module, OpKind::forward, stage, m) +
                          (pipeline_.modules[module].backward ? cost(module, OpKind::backward, stage, m) : 0));
    }
    for (const ModuleId module : pipeline_.generators) {
      const std::int64_t both = cost(module, OpKind::forward, 0, m) + cost(module, OpKind::backward, 0, m);
      generator = std::max(generator, both);
      generator_ += both;
      pieces_.push_back(both);
    }
    const std::int64_t forward = follow_stages(m, OpKind::forward, encoder_forward, head_);
    const std::int64_t backward = follow_stages(m, OpKind::backward, encoder_backward, tail_);
    last_forward_end_ = std::min(last_forward_end_, forward);
    last_backward_way_ = std::min(last_backward_way_, backward);
    longest_chain_ = std::max(longest_chain_, forward + generator + backward);
  }

  /// Adds m's chain through all stages to `at`, noting for each rank what comes before its first stage.
  std::int64_t follow_stages(MicrobatchId m, OpKind kind, std::int64_t at, std::vector<std::int64_t>& least) {
    for (std::uint32_t stage = 0; stage < pipeline_.stages(); ++stage) {
      // A forward waits for the stage before; a backward's way to the end leads over the stage before too.
      if (stage > 0) at += transfer(kind, kind == OpKind::forward ? stage - 1 : stage, m);
      if (stage < pipeline_.ranks) least[stage] = std::min(least[stage], at);
      const std::int64_t duration = cost(kLlm, kind, stage, m);
      work_[stage % pipeline_.ranks] += duration;
      at += duration;
    }
    return at;
  }

  std::int64_t whole_pieces() const {
    // What rides inside LLM operations is not on a rank's own list.
    if (most_riding_work(pipeline_, costs_).value > 0) return 0;
    return *std::min_element(work_.begin(), work_.end()) + least_fullest(pieces_, pipeline_.ranks);
  }

  std::int64_t room_for_generators(std::int64_t time) const {
    std::int64_t room = 0;
    for (std::uint32_t r = 0; r < pipeline_.ranks; ++r) {
      const std::int64_t here =
          std::min(time - last_forward_end_ - last_backward_way_, time - head_[r] - work_[r] - tail_[r]);
      if (here >= generator_ - room) return generator_;  // enough; and the sum cannot overflow
      room += std::max<std::int64_t>(0, here);
    }
    return room;
  }

  std::int64_t waterfill() const {
    if (generator_ == 0) return 0;
    std::int64_t low = 0, high = generator_ + last_forward_end_ + last_backward_way_;
    for (std::uint32_t r = 0; r < pipeline_.ranks; ++r)
      high = std::max(high, generator_ + head_[r] + work_[r] + tail_[r]);
    while (low < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (room_for_generators(middle) >= generator_) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  std::vector<std::int64_t> head_, tail_, work_;  // by rank: h, t, w
  std::int64_t encoder_ = 0, generator_ = 0, longest_chain_ = 0;
  std::vector<std::int64_t> pieces_;                                     // encoders and generators of each microbatch
  std::int64_t last_forward_end_ = kUnset, last_backward_way_ = kUnset;  // H, U
};

}  // namespace

Nanoseconds job_lower_bound(const Pipeline& pipeline, const CostTable& costs) {
  return {JobBound(pipeline, costs).bound()};
}

}  // namespace bigmac
