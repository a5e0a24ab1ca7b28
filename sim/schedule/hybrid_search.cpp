#include "hybrid_search.h"

#include <algorithm>
#include <array>

#include "bigmac/base/error.h"

namespace bigmac::hybrid {
namespace {

constexpr std::size_t kHistory = 10;
constexpr std::uint32_t kPatience = 120;  // steps without a better one before it starts again
constexpr int kKicks = 3;                 // changes then
constexpr int kTries = 8;                 // exchanges compared before one is filled
constexpr std::uint64_t kSeed = 1;

class LocalSearch {
 public:
  LocalSearch(const SearchSpace& space, Point start, std::int64_t time, std::uint32_t live_limit)
      : space_(space),
        now_(std::move(start)),
        best_(now_),
        best_time_(time),
        live_limit_(live_limit),
        ranks_(space.pipeline.ranks),
        stages_(space.pipeline.encoder_stages()),
        count_(space.pipeline.microbatches),
        random_(kSeed) {
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
      if (++idle_steps_ >= kPatience) start_again();
    }
    return {std::move(best_), best_time_, done};
  }

 private:
  /// From the best, a few steps away, whatever they cost.
  void start_again() {
    now_ = best_;
    for (int i = 0; i < kKicks; ++i) change();
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
    for (const RankOrders& orders : space_.llm) {
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
    change();
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
    const LlmClock& clock = clocks_[now_.llm];
    const std::int64_t most = allowed - score_.sum + score_.time + slack_;
    const Filled filled = fill(clock, now_.sides, now_.placement, rules, most);
    return filled.finished ? score_of(space_.ends_of(clock, now_, filled)) : Score{};
  }

  void change() {
    // A single encoder pipeline leaves nothing to exchange.
    const bool encoders = !now_.placement.encoder.empty() && stages_ < ranks_;
    const bool generators = !now_.placement.generator.empty();
    const std::int64_t die = random_.integer(0, 15);
    if (die == 0) return change_rules();
    if (die <= 4) return exchange_positions();
    if (encoders && (die <= 11 || !generators)) return change_ranks(now_.placement.encoder);
    if (generators) return change_ranks(now_.placement.generator);
    if (die <= 11) return exchange_positions();
    change_rules();
  }

  void change_stages() {
    Placement& placement = now_.placement;
    if (any(2) == 0) placement.turned = any(stages_);
    placement.head = any(4) == 0 ? 0 : stages_ + placement.turned + any(stages_) - any(stages_) / 2;
  }

  void change_rules() {
    if (stages_ > 1 && any(2) == 0) return change_stages();
    switch (random_.integer(0, 6)) {
      case 5: now_.rules.ahead = !now_.rules.ahead; break;
      case 6: now_.rules.llm_extra = static_cast<std::uint32_t>(random_.integer(0, 4)) * ranks_ / 4; break;
      case 0: now_.rules.eager = !now_.rules.eager; break;
      case 1: now_.rules.descending = !now_.rules.descending; break;
      case 2: now_.rules.margin = static_cast<std::uint8_t>(random_.integer(0, 6)); break;
      case 3: now_.rules.lead = static_cast<std::uint8_t>(random_.integer(0, 16)); break;
      default: now_.llm = static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(clocks_.size()) - 1));
    }
  }

  std::uint32_t any(std::uint32_t below) {
    return static_cast<std::uint32_t>(random_.integer(0, std::int64_t{below} - 1));
  }
  /// Another position, mostly of the same group or the next.
  std::uint32_t near(std::uint32_t p) {
    if (any(8) == 0) return any(count_);
    const std::uint32_t low = p > ranks_ ? p - ranks_ : 0, high = std::min(count_ - 1, p + ranks_);
    return low + any(high - low + 1);
  }

  /// How many ranks share what is placed: an encoder pipeline's, or one.
  std::uint32_t width(const std::vector<std::uint32_t>& places) const {
    return &places == &now_.placement.encoder ? stages_ : 1;
  }

  void change_ranks(std::vector<std::uint32_t>& ranks) {
    std::uint32_t p = any(count_);
    // Half the time one of the rank that ends last.
    const std::uint32_t last = score_.last / width(ranks);
    if (any(2) == 0)
      for (std::uint32_t tries = 0; tries < 2 * ranks_ && ranks[p] != last; ++tries) p = any(count_);
    if (any(2) == 0) return even_out(ranks, p);
    if (any(4) == 0) ranks[p] = any(ranks_ / width(ranks));
    else std::swap(ranks[p], ranks[near(p)]);
  }

  /// Of a few exchanges of p's rank with another position's, the one that leaves the two ranks' side work most even.
  void even_out(std::vector<std::uint32_t>& ranks, std::uint32_t p) {
    const bool encoder = &ranks == &now_.placement.encoder;
    const std::vector<std::int64_t> loads = side_loads(width(ranks));
    std::uint32_t best = p;
    std::int64_t least = INT64_MAX;
    for (int tries = 0; tries < kTries; ++tries) {
      const std::uint32_t q = any(2) == 0 ? any(count_) : near(p);
      if (ranks[q] == ranks[p]) continue;
      const std::int64_t moved = weight(encoder, p) - weight(encoder, q);
      const std::int64_t gap = std::abs(loads[ranks[p]] - loads[ranks[q]] - 2 * moved);
      if (gap < least) least = gap, best = q;
    }
    std::swap(ranks[p], ranks[best]);
  }

  std::int64_t weight(bool encoder, std::uint32_t p) const {
    const Sides& sides = now_.sides;
    if (!encoder) return sides.generator.total(p);
    return sides.forward.position_total(p) + (sides.backward.empty() ? 0 : sides.backward.position_total(p));
  }
  std::int64_t stage_weight(std::uint32_t piece) const {
    return now_.sides.forward.total(piece) + (now_.sides.backward.empty() ? 0 : now_.sides.backward.total(piece));
  }

  /// By `width` ranks together.
  std::vector<std::int64_t> side_loads(std::uint32_t width) const {
    std::vector<std::int64_t> loads(ranks_ / width, 0);
    for (std::uint32_t p = 0; p < count_; ++p) {
      for (std::uint32_t s = 0; s < stages_ && !now_.placement.encoder.empty(); ++s)
        loads[now_.placement.encoder_rank(now_.placement.encoder[p], s, stages_) / width] +=
            stage_weight(p * stages_ + s);
      if (!now_.placement.generator.empty()) loads[now_.placement.generator[p] / width] += weight(false, p);
    }
    return loads;
  }

  /// Ranks stay with the microbatch or with the position.
  void exchange_positions() {
    const std::uint32_t p = any(count_), q = any(2) == 0 ? any(count_) : near(p);
    std::swap(now_.order[p], now_.order[q]);
    now_.sides.swap(p, q);
    if (any(2) == 0) return;
    for (std::vector<std::uint32_t>* ranks : {&now_.placement.encoder, &now_.placement.generator})
      if (!ranks->empty()) std::swap((*ranks)[p], (*ranks)[q]);
  }

  const SearchSpace& space_;
  Point now_, best_;
  Score score_{0, 0, 0};
  std::int64_t best_time_, slack_ = 0;
  std::uint32_t live_limit_, ranks_, stages_, count_;
  Random random_;
  bool llm_differs_ = false;
  std::uint32_t idle_steps_ = 0;  ///< since the best was found
  std::vector<LlmClock> clocks_;
  std::array<std::int64_t, kHistory> history_{};
};

}  // namespace

SearchResult search_near(const SearchSpace& space, Point start, std::int64_t time, std::uint32_t live_limit,
                         std::uint32_t fills) {
  return LocalSearch(space, std::move(start), time, live_limit).run(fills);
}

}  // namespace bigmac::hybrid
