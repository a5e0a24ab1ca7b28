// The slip-clock fill: encoder and generator slices go where the LLM's ranks idle. Private to the schedule room.
//
// The LLM's order is given (hybrid_base.h). One clock, the slip D, may push it later: every operation o is to start by
// latest(o) + D. D grows only when an encoder forward (or a generator) ends after its position was due. See hybrid.cpp
// for the rules and the lemma.
#pragma once

#include <algorithm>

#include "hybrid_base.h"
#include "hybrid_work.h"
#include "op_makers.h"

namespace bigmac::hybrid {

/// By position: the encoder pipeline (with one stage, the rank) that runs its encoder, and the rank of its generator.
struct Placement {
  std::vector<std::uint32_t> encoder, generator;
  std::uint32_t turned = 0;  ///< of encoder pipelines: rank_of_stage()
  std::uint32_t head = 0;    ///< the slip to begin with, in mean forwards of a stage

  std::uint32_t encoder_rank(std::uint32_t pipeline, std::uint32_t stage, std::uint32_t stages) const {
    return pipeline * stages + rank_of_stage(stage, stages, turned);
  }
};

/// What memory leaves each rank (hybrid_room.h), by rank.
struct RankLimits {
  std::vector<std::uint32_t> encoder;  ///< microbatches, alike in a pipeline; 0: it runs none
  std::vector<std::uint32_t> llm;      ///< chunk activations

  std::uint32_t encoders(std::uint32_t rank, std::uint32_t limit) const { return std::min(limit, encoder[rank]); }
  std::uint32_t chunks(std::uint32_t rank, std::uint32_t limit) const { return std::min(limit, llm[rank]); }
};

struct FillRules {
  std::uint32_t live_limit = kNone;  ///< encoder microbatches a rank may hold at once
  bool eager = true;                 ///< variant A: take an encoder slice whenever the slip allows; B: only when due
  bool dynamic = false;              ///< idle ranks take the next encoder forward; Placement::encoder is not read
  bool dynamic_generators = false;   ///< so with generators; Placement::generator is not read
  bool descending = false;           ///< ranks decide from the last to the first
  /// An idle rank whose next LLM operation is not ready may run a later one that is: forwards and backwards keep
  /// their own orders, how they alternate may change.
  bool ahead = false;
  std::uint32_t llm_extra = 0;           ///< chunk activations that forwards run ahead may add to the fullest rank's
  std::uint32_t llm_live_limit = kNone;  ///< and never more than this many on a rank
  const RankLimits* by_rank = nullptr;   ///< and so under a limit on memory; absent: none
  std::uint8_t margin = 2;               ///< sigma, in longest slices
  std::uint8_t lead = 4;                 ///< "due" when this many quarters of a tB are left beyond the work itself
};

enum class Work : std::uint8_t { llm, forward, backward, generator };

/// An operation of the LLM (index into LlmClock::tasks), or `count` slices from `first` on of a piece.
struct Entry {
  Work work;
  std::uint16_t first = 0, count = 1;
  std::uint32_t what = 0;
};

struct Filled {
  std::vector<std::vector<Entry>> ranks;
  Placement placement;  ///< as given or as taken
  std::int64_t end = 0;
  std::uint32_t most_live = 0;  ///< encoder microbatches on one rank: a first stage's
  bool finished = false;
  bool limited = false;  ///< whether the limit ever held a forward back
};

/// Unfinished where the order deadlocks under the limit, or once it is sure not to end before `give_up_at`.
Filled fill(const LlmClock& llm, const Sides& sides, const Placement& placement, const FillRules& rules,
            std::int64_t give_up_at);

}  // namespace bigmac::hybrid
