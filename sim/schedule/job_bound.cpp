#include "bigmac/schedule/job_bound.h"

#include <algorithm>
#include <numeric>

#include "bigmac/schedule/rides.h"
#include "job_chains.h"
#include "live_bound.h"
#include "packing_bound.h"

namespace bigmac {
namespace {

constexpr std::int64_t kUnset = INT64_MAX;

class JobBound {
 public:
  JobBound(const Pipeline& pipeline, const CostTable& costs)
      : pipeline_(pipeline),
        costs_(costs),
        chains_(pipeline, costs),
        head_(pipeline.ranks, kUnset),
        tail_(pipeline.ranks, kUnset),
        work_(pipeline.ranks, 0) {
    for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) follow(MicrobatchId{m});
  }

  std::int64_t bound() const {
    std::int64_t best = std::max({longest_chain_, waterfill(), whole_pieces()});
    if (most_riding_work(pipeline_, costs_).value == 0)
      for (const ModuleId module : pipeline_.encoders) best = std::max(best, stages_of(module));
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
  void follow(MicrobatchId m) {
    for (const ModuleId module : pipeline_.encoders)
      for (std::uint32_t stage = 0; stage < pipeline_.modules[module].stages; ++stage) {
        const bool trained = pipeline_.modules[module].backward;
        pieces_.push_back(chains_.cost(module, OpKind::forward, stage, m) +
                          (trained ? chains_.cost(module, OpKind::backward, stage, m) : 0));
        encoder_ += pieces_.back();
      }
    for (const ModuleId module : pipeline_.generators) {
      pieces_.push_back(chains_.cost(module, OpKind::forward, 0, m) + chains_.cost(module, OpKind::backward, 0, m));
      generator_ += pieces_.back();
    }
    const std::int64_t forward = follow_stages(m, OpKind::forward, chains_.encoder(OpKind::forward, m), head_);
    const std::int64_t backward = follow_stages(m, OpKind::backward, chains_.encoder(OpKind::backward, m), tail_);
    last_forward_end_ = std::min(last_forward_end_, forward);
    last_backward_way_ = std::min(last_backward_way_, backward);
    longest_chain_ = std::max(longest_chain_, forward + chains_.generator(m) + backward);
  }

  /// Adds m's chain through all stages to `at`, noting for each rank what comes before its first stage.
  std::int64_t follow_stages(MicrobatchId m, OpKind kind, std::int64_t at, std::vector<std::int64_t>& least) {
    for (std::uint32_t stage = 0; stage < pipeline_.stages(); ++stage) {
      // A forward waits for the stage before; a backward's way to the end leads over the stage before too.
      if (stage > 0) at += chains_.link(kind, stage, m);
      if (stage < pipeline_.ranks) least[stage] = std::min(least[stage], at);
      const std::int64_t duration = chains_.cost(kLlm, kind, stage, m);
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

  /// The least over microbatches of what `kind` takes in an encoder's stages before `stage`.
  std::int64_t before_stage(ModuleId module, OpKind kind, std::uint32_t stage) const {
    std::int64_t least = kUnset;
    for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m) {
      std::int64_t way = 0;
      for (std::uint32_t s = 0; s < stage; ++s) way += chains_.cost(module, kind, s, MicrobatchId{m});
      least = std::min(least, way);
    }
    return least;
  }

  std::int64_t stages_of(ModuleId module) const {
    const std::uint32_t stages = pipeline_.modules[module].stages;
    if (stages == 1 || pipeline_.ranks % stages != 0) return 0;
    const std::uint32_t pipelines = pipeline_.ranks / stages;
    std::vector<std::int64_t> lightest = work_;
    std::sort(lightest.begin(), lightest.end());
    const bool backward = pipeline_.modules[module].backward;
    std::int64_t best = 0;
    for (std::uint32_t stage = 0; stage < stages; ++stage) {
      std::int64_t work = std::accumulate(lightest.begin(), lightest.begin() + pipelines, std::int64_t{0});
      for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m)
        work += chains_.cost(module, OpKind::forward, stage, MicrobatchId{m}) +
                (backward ? chains_.cost(module, OpKind::backward, stage, MicrobatchId{m}) : 0);
      const std::int64_t outside =
          before_stage(module, OpKind::forward, stage) + (backward ? before_stage(module, OpKind::backward, stage) : 0);
      best = std::max(best, (work + pipelines - 1) / pipelines + outside);
    }
    return best;
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
  const JobChains chains_;
  std::vector<std::int64_t> head_, tail_, work_;  // by rank: h, t, w
  std::int64_t encoder_ = 0, generator_ = 0, longest_chain_ = 0;
  std::vector<std::int64_t> pieces_;                                     // encoders and generators of each microbatch
  std::int64_t last_forward_end_ = kUnset, last_backward_way_ = kUnset;  // H, U
};

}  // namespace

Nanoseconds job_lower_bound(const Pipeline& pipeline, const CostTable& costs, const LiveLimits& limits) {
  const std::int64_t bound = JobBound(pipeline, costs).bound();
  if (!limits.any()) return {bound};
  return {live_bound(pipeline, costs, limits, bound)};
}

}  // namespace bigmac
