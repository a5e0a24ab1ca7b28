#include "hybrid_ready.h"

#include <algorithm>

namespace bigmac::hybrid {
namespace {

/// When a rank has idled so long, if its LLM operations start as late as they may.
class IdleTime {
 public:
  IdleTime(const LlmClock& clock, std::uint32_t rank, std::int64_t before) : clock_(clock) {
    next_ = clock.first[rank], end_ = clock.first[rank + 1];
    now_ = -before;
  }

  /// After `more` idle time; past the LLM's window all is idle.
  std::int64_t pass(std::int64_t more) {
    while (next_ < end_) {
      const LlmTask& task = clock_.tasks[next_];
      if (task.latest - now_ >= more) break;
      more -= std::max<std::int64_t>(0, task.latest - now_);
      now_ = task.latest + task.duration;
      ++next_;
    }
    return now_ += more;
  }

 private:
  const LlmClock& clock_;
  std::uint32_t next_, end_;
  std::int64_t now_;
};

}  // namespace

std::vector<MicrobatchId> ready_order(const LlmClock& clock, const Sides& sides,
                                      const std::vector<std::uint32_t>& encoder) {
  const auto count = static_cast<std::uint32_t>(encoder.size());
  const auto behind = [&](std::uint32_t m) { return sides.backward.empty() ? 0 : sides.backward.total(m); };
  std::vector<std::vector<std::uint32_t>> own(clock.ranks());
  std::int64_t least = INT64_MAX;
  for (std::uint32_t m = 0; m < count; ++m)
    own[encoder[m]].push_back(m), least = std::min(least, sides.forward.total(m));
  std::vector<std::int64_t> ready(count, 0);
  for (std::uint32_t r = 0; r < clock.ranks(); ++r) {
    std::stable_sort(own[r].begin(), own[r].end(),
                     [&](std::uint32_t a, std::uint32_t b) { return behind(a) > behind(b); });
    IdleTime idle(clock, r, least);
    for (const std::uint32_t m : own[r]) ready[m] = idle.pass(sides.forward.total(m));
  }
  std::vector<MicrobatchId> order(count);
  for (std::uint32_t m = 0; m < count; ++m) order[m] = MicrobatchId{m};
  std::stable_sort(order.begin(), order.end(),
                   [&](MicrobatchId a, MicrobatchId b) { return ready[a.value] < ready[b.value]; });
  return order;
}

}  // namespace bigmac::hybrid
