// The slip clock of a fill: how much later than alone the LLM runs. Private to the schedule room.
//
// D grows when a side product arrives after its position was due. D(t) is the least that D will come to be, seen from
// time t: as if the first encoder forward and the first generator that are not done arrived at t, an encoder of several
// stages once the stages behind the one it is in have run as well.
#pragma once

#include <algorithm>

#include "hybrid_base.h"
#include "hybrid_work.h"

namespace bigmac::hybrid {

class Slip {
 public:
  Slip(const LlmClock& llm, const Sides& sides, std::int64_t to_begin_with)
      : llm_(llm), forward_(sides.forward), slip_(to_begin_with), clock_(to_begin_with) {
    const std::size_t count = llm.forward_due.size();
    done_forward_.assign(count, sides.forward.empty());
    done_generator_.assign(count, sides.generator.empty());
    if (sides.forward.stages() > 1) stages_done_.assign(count, 0);
  }

  std::int64_t slip() const { return slip_; }    ///< D
  std::int64_t clock() const { return clock_; }  ///< D(t) at the last advance()

  void stage_done(std::uint32_t position) { ++stages_done_[position]; }
  void forward_done(std::uint32_t position, std::int64_t arrival) {
    done_forward_[position] = true;
    slip_ = std::max(slip_, arrival - llm_.forward_due[position]);
  }
  void generator_done(std::uint32_t position, std::int64_t arrival) {
    done_generator_[position] = true;
    slip_ = std::max(slip_, arrival - llm_.gradient_due[position]);
  }

  /// An LLM operation starts no sooner than this much after its latest.
  void late_by(std::int64_t lateness) { slip_ = std::max(slip_, lateness); }

  void advance(std::int64_t now) {
    while (first_forward_ < llm_.by_forward.size() && done_forward_[llm_.by_forward[first_forward_]]) ++first_forward_;
    while (first_generator_ < llm_.by_gradient.size() && done_generator_[llm_.by_gradient[first_generator_]])
      ++first_generator_;
    clock_ = slip_;
    if (first_forward_ < llm_.by_forward.size()) {
      const std::uint32_t p = llm_.by_forward[first_forward_];
      const std::int64_t behind = stages_done_.empty() ? 0 : forward_.behind(p * forward_.stages() + stages_done_[p]);
      clock_ = std::max(clock_, now + behind - llm_.forward_due[p]);
    }
    if (first_generator_ < llm_.by_gradient.size())
      clock_ = std::max(clock_, now - llm_.gradient_due[llm_.by_gradient[first_generator_]]);
  }

 private:
  const LlmClock& llm_;
  const SideWork& forward_;
  std::int64_t slip_, clock_;
  std::vector<bool> done_forward_, done_generator_;  // by position
  std::vector<std::uint32_t> stages_done_;           // by position, of encoder forwards; empty with one stage
  std::size_t first_forward_ = 0, first_generator_ = 0;
};

}  // namespace bigmac::hybrid
