// Hybrid's best schedules with encoder kernels in the LLM's tensor-parallel waits. Private to the schedule room.
//
// What is fastest with rides need not be what was fastest without, and a larger limit on what a rank holds lets more
// ride. So the best at each limit rides as far as that limit allows, whatever the last limit is, and the fastest of all
// is kept: never slower with a larger limit, nor than without rides (ride_along.h).
//
// 4 ranks: at limit 3 the best takes 70, with rides 66; at 4 it takes 68 and 67. At 3 and at 4 the answer is 66.
#pragma once

#include "hybrid_candidates.h"

namespace bigmac::hybrid {

/// The limits that are tried: 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, ...
std::uint32_t next_limit(std::uint32_t limit);

class Riding {
 public:
  /// `within`: the limit on memory, which rides have to keep too.
  Riding(const ScheduleRequest& request, std::optional<Bytes> within) : request_(request), within_(within) {}

  /// `best` rides at each limit up to `most` at which nothing rode yet; larger ones are passed by where some have
  /// changed nothing.
  void ride_up_to(std::uint32_t most, const Best& best);
  /// At one limit: the time.
  std::int64_t ride(Schedule schedule, const std::string& how, std::uint32_t limit);
  /// The fastest; not found where the costs know of no waits.
  Best& best() { return best_; }

 private:
  const ScheduleRequest& request_;
  const std::optional<Bytes> within_;
  Best best_;
  std::uint32_t next_ = 1, same_ = 0;  // limit; limits that changed nothing
  std::int64_t from_ = 0, time_ = 0;   // of what rode last: without and with
};

}  // namespace bigmac::hybrid
