// Local search from a fill that is good already. Private to the schedule room.
//
// What a fill leaves open is who does what: the order of microbatches, the rank of each encoder and generator, the LLM
// order and the rules. A step changes one of these at random (hybrid_moves.h) and fills again; late acceptance (Burke
// and Bykov 2017, "The late acceptance hill-climbing heuristic") keeps it when it is no slower than now, or than what
// was kept `kHistory` steps ago. A fill is given up as soon as it is sure to be slower than both, which makes most
// steps cheap. After `kPatience` steps without a better fill it starts again a few changes away from the best. Steps
// are drawn from a fixed seed: the same job, the same schedule.
//
// 4 ranks, unequal encoders, two positions of one group on ranks 0 and 3: exchanging them moves the dearer one to the
// rank that idles longest before its first LLM operation.
#pragma once

#include <functional>

#include "hybrid_moves.h"

namespace bigmac::hybrid {

struct SearchResult {
  Point point;
  std::int64_t time = 0;
  std::uint32_t fills = 0;
};

/// What a search needs besides its start. `ends_of` gives the exact ends of the ranks of a finished fill and may keep
/// it; it is called for every fill that was not given up.
struct SearchSpace {
  const Pipeline& pipeline;
  const CostTable& costs;
  const std::vector<LlmOrder>& llm;     ///< LLM orders to choose from
  const std::vector<RankLimits>& room;  ///< what memory leaves beside each of these; empty: all that is asked
  std::uint32_t llm_live_limit;         ///< chunk activations on a rank
  std::function<std::vector<std::int64_t>(const LlmClock&, const Point&, const Filled&)> ends_of;
  std::int64_t good_enough = 0;
};

/// At most `fills` fills from `start`, which took `time`, under `live_limit`.
SearchResult search_near(const SearchSpace& space, Point start, std::int64_t time, std::uint32_t live_limit,
                         std::uint32_t fills, std::uint64_t seed);

}  // namespace bigmac::hybrid
