// How much longer each rank may idle and still end in time. Private to the schedule room.
//
// A rank ends no sooner than after all its work and its idle time. Where what it will run is known beforehand, a fill
// need not be followed to its end to see that it is too late.
//
// 4 ranks, to end before 69: a rank with LLM operations of 48 and encoders of 14 gives up on its seventh idle unit.
#pragma once

#include "hybrid_fill.h"

namespace bigmac::hybrid {

class SpareTime {
 public:
  /// Ends at `give_up_at` and later are too late. What is dealt while a fill runs is not counted.
  SpareTime(const LlmClock& llm, const Sides& sides, const Placement& placement, const FillRules& rules,
            std::int64_t give_up_at)
      : spare_(llm.ranks(), give_up_at) {
    for (const LlmTask& task : llm.tasks) spare_[task.rank] -= task.duration;
    const std::uint32_t stages = sides.forward.stages();
    for (std::uint32_t p = 0; p < llm.forward_due.size(); ++p) {
      for (std::uint32_t s = 0; s < stages && !sides.forward.empty() && !rules.dynamic; ++s)
        spare_[placement.encoder_rank(placement.encoder[p], s, stages)] -= encoder_work(sides, p * stages + s);
      if (!sides.generator.empty() && !rules.dynamic_generators)
        spare_[placement.generator[p]] -= sides.generator.total(p);
    }
    for (const std::int64_t spare : spare_) gone_ = gone_ || spare <= 0;
  }

  void idled(std::uint32_t rank, std::int64_t time) {
    spare_[rank] -= time;
    gone_ = gone_ || spare_[rank] <= 0;
  }
  /// Some rank is sure to be too late.
  bool gone() const { return gone_; }

 private:
  static std::int64_t encoder_work(const Sides& sides, std::uint32_t piece) {
    return sides.forward.total(piece) + (sides.backward.empty() ? 0 : sides.backward.total(piece));
  }

  std::vector<std::int64_t> spare_;
  bool gone_ = false;
};

}  // namespace bigmac::hybrid
