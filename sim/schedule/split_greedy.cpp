#include "split_greedy.h"

#include <algorithm>
#include <bit>
#include <functional>
#include <queue>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

constexpr std::int64_t kNever = INT64_MAX;

// Arrival times of one pass class, or waiting Ws: what is in it is held in memory, so a small ring is enough.
template <class T>
class Ring {
 public:
  explicit Ring(std::uint32_t most) : items_(std::bit_ceil(std::size_t{most} + 1)) {}
  bool empty() const { return head_ == tail_; }
  T front() const { return items_[head_ & (items_.size() - 1)]; }
  void pop() { ++head_; }
  void push(T value) { items_[tail_++ & (items_.size() - 1)] = value; }

 private:
  std::vector<T> items_;
  std::size_t head_ = 0, tail_ = 0;
};

struct RankClock {
  explicit RankClock(std::uint32_t most)
      : arrivals{Ring<std::int64_t>(most), Ring<std::int64_t>(most), Ring<std::int64_t>(most),
                 Ring<std::int64_t>(most)},
        weights(most) {}

  std::int64_t free_at = 0, first_start = kNever, busy = 0;
  std::array<std::uint32_t, kPassClasses> done{};
  std::array<std::uint32_t, 2> weights_done{};
  std::uint32_t live = 0;       ///< F done, W not
  std::uint32_t in_flight = 0;  ///< F done, I not
  std::array<Ring<std::int64_t>, kPassClasses> arrivals;
  Ring<std::uint8_t> weights;  ///< chunks of the Ws that wait, first come first served
};

// What a free rank could do now, and what is known to come.
struct Choice {
  std::optional<std::uint32_t> best, spare;
  std::int64_t best_rank = 0, spare_rank = 0;
  std::int64_t next_pass = kNever, next_gradient = kNever;
};

class Greedy {
 public:
  Greedy(const SplitProblem& problem, const BuildingBlock& block, const Policy& policy, std::uint32_t microbatches,
         bool keep)
      : problem_(problem),
        shape_(problem.shape),
        block_(block),
        policy_(policy),
        microbatches_(microbatches),
        keep_(keep),
        ranks_(shape_.ranks, RankClock(*std::max_element(problem.limits.begin(), problem.limits.end()))),
        orders_(shape_.ranks) {}

  SplitRun run() {
    events_.push({0, 0});
    while (!events_.empty()) {
      const auto [now, rank] = events_.top();
      events_.pop();
      if (ranks_[rank].free_at <= now) decide(rank, now);
    }
    SplitRun out;
    for (const RankClock& rank : ranks_) {
      BIGMAC_CHECK(rank.weights_done[0] == microbatches_ && rank.weights_done[shape_.chunks - 1] == microbatches_);
      out.iteration = std::max(out.iteration, rank.free_at);
      out.longest_rank = std::max(out.longest_rank, rank.free_at - rank.first_start);
      out.idle += rank.free_at - rank.first_start - rank.busy;
    }
    out.orders = std::move(orders_);
    return out;
  }

 private:
  std::int64_t instant(std::uint32_t rank, std::uint32_t pass, std::uint32_t microbatch) const {
    return block_.instants[rank][pass] + block_.interval * microbatch;
  }
  std::int64_t next_instant(std::uint32_t rank, std::uint32_t pass) const {
    return instant(rank, pass, ranks_[rank].done[pass]);
  }
  std::uint32_t slot(OpKind kind, std::uint32_t stage, std::uint32_t microbatch) const {
    return problem_.costs.slot(kLlm, kind, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{microbatch});
  }
  bool has_more(std::uint32_t rank, std::uint32_t pass) const {
    return chunk_of(pass) < shape_.chunks && ranks_[rank].done[pass] < microbatches_;
  }
  bool is_head(std::uint32_t rank, std::uint32_t pass) const {
    for (std::uint32_t other = 0; other < kPassClasses; ++other)
      if (other != pass && has_more(rank, other) && next_instant(rank, other) < next_instant(rank, pass)) return false;
    return true;
  }

  // The most the rank holds in flight while it returns to the block's order after `pass`, each W right after its I.
  std::uint32_t most_until_block(std::uint32_t rank, std::uint32_t pass) const {
    auto done = ranks_[rank].done;
    ++done[pass];
    std::int64_t horizon = -1;
    for (std::uint32_t k = 0; k < kPassClasses; ++k)
      if (done[k] > 0) horizon = std::max(horizon, instant(rank, k, done[k] - 1));
    std::uint32_t held = ranks_[rank].in_flight + 1, most = held;
    while (true) {
      std::uint32_t next = kPassClasses;
      std::int64_t at = horizon;
      for (std::uint32_t k = 0; k < kPassClasses; ++k)
        if (chunk_of(k) < shape_.chunks && done[k] < microbatches_ && instant(rank, k, done[k]) <= at)
          at = instant(rank, next = k, done[k]);
      if (next == kPassClasses) return most;
      ++done[next];
      held += is_forward(next) ? 1u : ~0u;
      most = std::max(most, held);
    }
  }
  bool fits(std::uint32_t rank, std::uint32_t forward) const {
    const RankClock& clock = ranks_[rank];
    if (clock.live + 1 > problem_.limits[rank]) return false;
    if (!policy_.most_in_flight.empty() && clock.in_flight + 1 > policy_.most_in_flight[rank]) return false;
    return shape_.chunks == 1 || most_until_block(rank, forward) <= problem_.limits[rank];
  }

  std::optional<std::int64_t> arrival(std::uint32_t rank, std::uint32_t pass) const {
    if (!has_more(rank, pass)) return std::nullopt;
    if (rank == 0 && pass == 0) return 0;
    const auto& ring = ranks_[rank].arrivals[pass];
    return ring.empty() ? std::nullopt : std::optional(ring.front());
  }

  std::int64_t ranking(std::uint32_t rank, std::uint32_t pass) const {
    constexpr std::int64_t kLater = std::int64_t{1} << 50;
    const bool put_off = (policy_.preference == Preference::gradients && is_forward(pass)) ||
                         (policy_.preference == Preference::forwards && !is_forward(pass));
    return next_instant(rank, pass) + (put_off ? kLater : 0);
  }
  // Whether a pass ahead of the block's order may fill idle time.
  bool may_fill(std::uint32_t rank, std::uint32_t pass) const {
    if (policy_.preference == Preference::strict_spare) return true;
    const RankClock& clock = ranks_[rank];
    return policy_.preference == Preference::strict_warm && is_forward(pass) && clock.done[2] + clock.done[3] == 0;
  }

  Choice look(std::uint32_t rank, std::int64_t now) const {
    Choice choice;
    for (std::uint32_t pass = 0; pass < kPassClasses; ++pass) {
      const auto at = arrival(rank, pass);
      if (!at || (is_forward(pass) && !fits(rank, pass))) continue;
      const bool in_order = policy_.preference < Preference::strict || is_head(rank, pass);
      if (*at > now) {
        if (in_order) choice.next_pass = std::min(choice.next_pass, *at);
        if (!is_forward(pass)) choice.next_gradient = std::min(choice.next_gradient, *at);
        continue;
      }
      if (!in_order && !may_fill(rank, pass)) continue;
      auto& taken = in_order ? choice.best : choice.spare;
      auto& taken_rank = in_order ? choice.best_rank : choice.spare_rank;
      const std::int64_t order = ranking(rank, pass);
      if (taken && taken_rank <= order) continue;
      taken = pass;
      taken_rank = order;
    }
    return choice;
  }

  static bool worth_waiting(std::int64_t arrival, std::int64_t now, std::int64_t duration, std::int64_t percent) {
    return arrival != kNever && arrival - now < duration * percent / 100;
  }
  std::int64_t pass_time(std::uint32_t rank, std::uint32_t pass) const {
    return duration(is_forward(pass) ? OpKind::forward : OpKind::input_gradient, shape_.stage(rank, chunk_of(pass)),
                    ranks_[rank].done[pass]);
  }
  std::int64_t duration(OpKind kind, std::uint32_t stage, std::uint32_t microbatch) const {
    return problem_.costs.duration[slot(kind, stage, microbatch)].value;
  }

  void decide(std::uint32_t rank, std::int64_t now) {
    const Choice choice = look(rank, now);
    RankClock& clock = ranks_[rank];
    if (choice.best) {
      const bool hold = is_forward(*choice.best) &&
                        worth_waiting(choice.next_gradient, now, pass_time(rank, *choice.best), policy_.hold_percent);
      if (!hold) start_pass(rank, *choice.best, now);
    } else if (!clock.weights.empty()) {
      const std::uint32_t chunk = clock.weights.front();
      const std::int64_t time = duration(OpKind::weight_gradient, shape_.stage(rank, chunk), clock.weights_done[chunk]);
      if (!worth_waiting(choice.next_pass, now, time, policy_.wait_percent)) start_weight(rank, chunk, now, time);
    } else if (choice.spare) {
      if (!worth_waiting(choice.next_pass, now, pass_time(rank, *choice.spare), policy_.wait_percent))
        start_pass(rank, *choice.spare, now);
    }
  }

  std::int64_t occupy(std::uint32_t rank, OpKind kind, std::uint32_t chunk, std::uint32_t microbatch, std::int64_t now,
                      std::int64_t time) {
    RankClock& clock = ranks_[rank];
    clock.first_start = std::min(clock.first_start, now);
    clock.free_at = now + time;
    clock.busy += time;
    events_.push({clock.free_at, rank});
    if (keep_)
      orders_[rank].push_back(
          {MicrobatchId{microbatch}, StageId{static_cast<std::uint16_t>(shape_.stage(rank, chunk))}, kLlm, kind});
    return clock.free_at;
  }

  void start_weight(std::uint32_t rank, std::uint32_t chunk, std::int64_t now, std::int64_t time) {
    RankClock& clock = ranks_[rank];
    occupy(rank, OpKind::weight_gradient, chunk, clock.weights_done[chunk]++, now, time);
    clock.weights.pop();
    --clock.live;
  }

  void start_pass(std::uint32_t rank, std::uint32_t pass, std::int64_t now) {
    RankClock& clock = ranks_[rank];
    const std::uint32_t chunk = chunk_of(pass), stage = shape_.stage(rank, chunk), microbatch = clock.done[pass];
    const OpKind kind = is_forward(pass) ? OpKind::forward : OpKind::input_gradient;
    const std::int64_t end = occupy(rank, kind, chunk, microbatch, now, pass_time(rank, pass));
    ++clock.done[pass];
    if (rank != 0 || pass != 0) clock.arrivals[pass].pop();
    if (is_forward(pass)) {
      ++clock.live;
      ++clock.in_flight;
    } else {
      --clock.in_flight;
      clock.weights.push(static_cast<std::uint8_t>(chunk));
    }
    deliver(kind, stage, microbatch, rank, end);
  }

  void deliver(OpKind kind, std::uint32_t stage, std::uint32_t microbatch, std::uint32_t from, std::int64_t end) {
    const bool forward = kind == OpKind::forward, turns = forward && stage + 1 == shape_.stages();
    if (!forward && stage == 0) return;
    const std::uint32_t next = turns ? stage : forward ? stage + 1 : stage - 1, rank = shape_.rank_of(next);
    if (rank != from) end += problem_.costs.transfer[slot(kind, stage, microbatch)].value;
    ranks_[rank].arrivals[shape_.chunk_at(next) + (forward && !turns ? 0 : 2)].push(end);
    events_.push({end, rank});
  }

  using Event = std::pair<std::int64_t, std::uint32_t>;
  const SplitProblem& problem_;
  const VShape shape_;
  const BuildingBlock& block_;
  const Policy& policy_;
  const std::uint32_t microbatches_;
  const bool keep_;
  std::vector<RankClock> ranks_;
  RankOrders orders_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
};

}  // namespace

SplitRun run_split_greedy(const SplitProblem& problem, const BuildingBlock& block, const Policy& policy,
                          std::uint32_t microbatches, bool keep) {
  return Greedy(problem, block, policy, microbatches, keep).run();
}

}  // namespace bigmac
