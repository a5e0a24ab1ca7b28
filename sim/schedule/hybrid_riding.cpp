#include "hybrid_riding.h"

#include "bigmac/schedule/rides.h"
#include "hybrid_room.h"
#include "order_clock.h"
#include "ride_along.h"

namespace bigmac::hybrid {
namespace {

constexpr std::uint32_t kSame = 3;  // limits that changed nothing, after which larger ones are passed by

}  // namespace

std::uint32_t next_limit(std::uint32_t limit) {
  if (limit < 6) return limit + 1;
  std::uint32_t step = 2;
  while (step * 8 <= limit) step *= 2;
  return limit + step;
}

void Riding::ride_up_to(std::uint32_t most, const Best& best) {
  if (request_.costs.rides.empty() || !best.found) return;
  if (best.time != from_) same_ = 0, from_ = best.time;
  for (; next_ <= most; next_ = next_limit(next_)) {
    if (same_ == kSame) continue;
    const std::int64_t time = ride(best.schedule, best.how, next_);
    same_ = time == time_ ? same_ + 1 : 0;
    time_ = time;
  }
}

std::int64_t Riding::ride(Schedule schedule, const std::string& how, std::uint32_t limit) {
  if (request_.costs.rides.empty()) return 0;
  ride_along(request_.pipeline, request_.costs, limit, schedule);
  const CostTable as_run = costs_as_run(request_.pipeline, request_.costs, schedule.rides);
  const std::int64_t time = order_time(request_.pipeline, as_run, schedule).value_or(INT64_MAX);
  if (time == INT64_MAX || (best_.found && time >= best_.time)) return time;
  if (!within_ || holds_within(request_, schedule, *within_)) best_ = {std::move(schedule), time, how, 0, true};
  return time;
}

}  // namespace bigmac::hybrid
