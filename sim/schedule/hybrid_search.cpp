#include "hybrid_search.h"

#include <algorithm>
#include <array>

#include "bigmac/base/error.h"

namespace bigmac::hybrid {
namespace {

constexpr std::size_t kHistory = 10;
// Steps without a better one before it starts again; where microbatches are alike, less can be changed.
constexpr std::uint32_t kPatience = 400, kPatienceAlike = 120;
constexpr int kKicks = 3;  // changes then

class LocalSearch {
 public:
  LocalSearch(const SearchSpace& space, Point start, std::int64_t time, std::uint32_t live_limit, std::uint64_t seed)
      : space_(space),
        now_(std::move(start)),
        best_(now_),
        best_time_(time),
        live_limit_(live_limit),
        moves_(space.pipeline, now_.sides, space.llm.size(), seed) {
    patience_ = moves_.alike() ? kPatienceAlike : kPatience;
    slack_ = 2 * std::max({now_.sides.forward.largest_slice(), now_.sides.backward.largest_slice(),
                           now_.sides.generator.largest_slice()});
    time_clocks();
    score_ = fill_now(INT64_MAX / 4);
    history_.fill(score_.sum);
    llm_differs_ = space.costs.modules[kLlm].row > 1;
  }

  SearchResult run(std::uint32_t fills) {
    std::uint32_t done = 0;
    for (; done < fills && best_time_ > space_.good_enough; ++done) {
      step(done % kHistory);
      if (++idle_steps_ >= patience_) start_again();
    }
    return {std::move(best_), best_time_, done};
  }

 private:
  /// From the best, a few steps away, whatever they cost.
  void start_again() {
    now_ = best_;
    for (int i = 0; i < kKicks; ++i) moves_.change(now_, score_.last);
    if (llm_differs_) time_clocks();
    score_ = fill_now(INT64_MAX / 4);
    if (score_.sum == INT64_MAX) {  // it deadlocks
      now_ = best_;
      if (llm_differs_) time_clocks();
      score_ = fill_now(INT64_MAX / 4);
    }
    history_.fill(score_.sum);
    idle_steps_ = 0;
  }

  void time_clocks() {
    clocks_.clear();
    for (const LlmOrder& orders : space_.llm) {
      auto clock = time_llm(space_.pipeline, space_.costs, orders, now_.order);
      BIGMAC_CHECK(clock.has_value());
      clocks_.push_back(std::move(*clock));
    }
  }

  /// The time, and with the same weight the mean end of the quarter of ranks that end last: several ranks may end last,
  /// and a step that helps one of them helps.
  struct Score {
    std::int64_t time = INT64_MAX, sum = INT64_MAX;
    std::uint32_t last = 0;  ///< rank
  };

  Score score_of(std::vector<std::int64_t> ends) const {
    Score out;
    out.last = static_cast<std::uint32_t>(std::max_element(ends.begin(), ends.end()) - ends.begin());
    out.time = ends[out.last];
    const std::size_t quarter = (ends.size() + 3) / 4;
    std::partial_sort(ends.begin(), ends.begin() + static_cast<std::ptrdiff_t>(quarter), ends.end(), std::greater<>());
    out.sum = out.time;
    for (std::size_t i = 0; i < quarter; ++i) out.sum += ends[i] / static_cast<std::int64_t>(quarter);
    return out;
  }

  void step(std::size_t slot) {
    Point before = now_;
    moves_.change(now_, score_.last);
    if (llm_differs_ && before.order != now_.order) time_clocks();
    const std::int64_t allowed = std::max(score_.sum, history_[slot]);
    const Score score = fill_now(allowed);
    if (score.sum <= allowed) {
      score_ = score;
      if (score.time < best_time_) best_time_ = score.time, best_ = now_, idle_steps_ = 0;
    } else {
      const bool again = llm_differs_ && before.order != now_.order;
      now_ = std::move(before);
      if (again) time_clocks();
    }
    history_[slot] = std::min(history_[slot], score_.sum);
  }

  Score fill_now(std::int64_t allowed) {
    FillRules rules = now_.rules;
    rules.live_limit = live_limit_;
    if (!space_.room.empty()) rules.by_rank = &space_.room[now_.llm];
    const LlmClock& clock = clocks_[now_.llm];
    const std::int64_t most = allowed - score_.sum + score_.time + slack_;
    const Filled filled = fill(clock, now_.sides, now_.placement, rules, most);
    return filled.finished ? score_of(space_.ends_of(clock, now_, filled)) : Score{};
  }

  const SearchSpace& space_;
  Point now_, best_;
  Score score_{0, 0, 0};
  std::int64_t best_time_, slack_ = 0;
  std::uint32_t live_limit_;
  Moves moves_;
  bool llm_differs_ = false;
  std::uint32_t idle_steps_ = 0, patience_ = 0;  ///< since the best was found
  std::vector<LlmClock> clocks_;
  std::array<std::int64_t, kHistory> history_{};
};

}  // namespace

SearchResult search_near(const SearchSpace& space, Point start, std::int64_t time, std::uint32_t live_limit,
                         std::uint32_t fills, std::uint64_t seed) {
  return LocalSearch(space, std::move(start), time, live_limit, seed).run(fills);
}

}  // namespace bigmac::hybrid
