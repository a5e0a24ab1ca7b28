// Hybrid tries several fills and keeps the best. Private to the schedule room.
//
// A fill is a choice of four things: the order of microbatches, the mode, the LLM order and the placement. At each
// limit on live encoder microbatches, where there are few choices, all are tried. Else, starting from the choice that
// was best before, one thing after the other is changed while that helps; where the result is more than half a percent
// above the bound, so again from a choice of each order of microbatches. A choice that a limit did not bind is not
// tried again at a larger one; after four limits that helped nothing, or very many operations, only no limit is tried
// still. Then, at the limits 3, 4, 6, 8, 12, 16, 24, ... and the last, a local search goes on from the best fill so
// far (hybrid_search.h) where that is more than 0.3 % above the bound. Within 0.02 % of it nothing more is tried.
#pragma once

#include <optional>
#include <string>

#include "bigmac/schedule/registry.h"

namespace bigmac::hybrid {

struct Best {
  Schedule schedule;
  std::int64_t time = 0;
  std::string how;          ///< what was best, in words
  std::uint32_t fills = 0;  ///< how many were made
  bool found = false;
};

struct Limits {
  std::uint32_t encoder_live = UINT32_MAX;    ///< encoder microbatches on a rank
  std::uint32_t llm_live = UINT32_MAX;        ///< LLM chunk activations on a rank
  std::optional<Bytes> memory;                ///< bytes on a GPU, request.held included
  std::optional<std::uint32_t> search_fills;  ///< of each local search; absent: by the size of the job
  std::uint32_t search_share = 1;             ///< which is divided by this
};

/// The best of bigmac (where its warm-up groups fit), of optimus (where what it holds does, and a search is wanted) and
/// of the fills at the limits 1, 2, 3, 4, 5, 6, 8, 10, 12, 16,
/// ... up to `encoder_live`, keeping the first of equals. What happens at one limit does not depend on `encoder_live`,
/// so a larger one is never slower; not found where every order deadlocks.
/// Where the costs know of waits, what is best at each limit rides as far as that limit allows, and the times are those
/// with rides.
/// All of that is done at each of llm_levels() up to `llm_live`, apart, so that a larger one is never slower either;
/// where a search is not wanted (`search_fills` 0) or the job has more than a million operations, and LLM memory is not
/// limited, once with every LLM order.
Best best_candidate(const ScheduleRequest& request, const Limits& limits);

}  // namespace bigmac::hybrid
