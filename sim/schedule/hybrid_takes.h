// Which encoder forward a rank takes next. Private to the schedule room.
//
// Placed: each rank its own positions, in the order in which the LLM wants them. Dynamic: the next position of all
// goes to an idle rank whose encoder work, with half of this one, stays within the mean, or to any idle rank once it
// is due; the last 3P positions are placed beforehand, dearest first, each on the rank with the least work of those
// that have fewer than 4 of them. Encoders of S stages: what is said of a rank holds for a pipeline of S ranks, four
// times S positions; its first rank takes, and the others follow in the same order. Ranks that memory closes take none.
#pragma once

#include "hybrid_fill.h"

namespace bigmac::hybrid {

class Takes {
 public:
  Takes(const LlmClock& llm, const Sides& sides, const Placement& placement, const FillRules& rules);

  /// The position whose forward the first rank of `pipeline` may begin, or kNone.
  std::uint32_t next(std::uint32_t pipeline, std::int64_t now, std::int64_t slip) const;
  void take(std::uint32_t pipeline, std::uint32_t position);
  /// The position whose forward a later stage runs after the first `done` of its pipeline, or kNone where it is not
  /// taken yet.
  std::uint32_t following(std::uint32_t pipeline, std::size_t done) const {
    return done < own_front_[pipeline] ? own_[pipeline][done] : kNone;
  }
  std::uint32_t pipeline_of(std::uint32_t position) const { return pipeline_of_[position]; }
  const std::vector<std::uint32_t>& pipelines() const { return pipeline_of_; }

 private:
  bool within_mean(std::uint32_t pipeline, std::uint32_t position) const;
  void place_rest();

  const LlmClock& llm_;
  const Sides& sides_;
  std::size_t dynamic_end_ = 0;  ///< of by_forward: positions before it are taken dynamically
  std::size_t cursor_ = 0;
  std::vector<std::uint32_t> pipeline_of_;
  std::vector<std::vector<std::uint32_t>> own_;  ///< by pipeline, in order
  std::vector<std::size_t> own_front_;
  std::vector<std::int64_t> load_;
  std::int64_t mean_ = 0;
  std::uint32_t open_ = 0;  ///< pipelines that memory does not close
};

}  // namespace bigmac::hybrid
