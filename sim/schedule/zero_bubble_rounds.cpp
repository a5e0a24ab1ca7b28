// The published greedy of zero bubble scheduling, round by round (Qi et al. 2024, 2401.10241, section 3.1 and the
// authors' code): a candidate beside split_greedy.h, so that ours is never the slower of the two.
//
// Idea. Round 0 sends microbatch 0 through and gives every rank as many more forwards as fit in memory before its first
// I arrives. Round m > 0 gives each rank one more forward, unless that would delay the I of the rank after it, and then
// passes I of microbatch m from the last rank to the first. Before either, W fills the wait for the input: always where
// a whole W fits, and where it does not, if the idle time would make this rank the one that has idled most. W also
// makes room when memory is full. Three choices are open and all eight combinations are tried.
//
//   4 ranks, F = I = W = 1, at most 4 held: rank 0 is given F0 F1 F2 F3, rank 2 F0 F1; then round 1 begins with F4 on
//   rank 3
#include <algorithm>

#include "bigmac/base/error.h"
#include "split_greedy.h"

namespace bigmac {
namespace {

struct RoundChoices {
  bool idle_before_first_gradient;  ///< take no forward that would delay the first I, rather than one that does
  bool gradients_first;             ///< put a forward off that would reach the next rank late
  bool fill_small_gaps;             ///< W even where the rank could afford to idle
};

struct RankRounds {
  std::vector<std::int64_t> forward_ends, gradient_ends;
  std::uint32_t weights = 0;
  std::int64_t end = 0, idle = 0, first_start = 0, busy = 0;
  std::vector<OpKind> kinds;

  std::uint32_t forwards() const { return static_cast<std::uint32_t>(forward_ends.size()); }
  std::uint32_t gradients() const { return static_cast<std::uint32_t>(gradient_ends.size()); }
  std::uint32_t live() const { return forwards() - weights; }
};

class Rounds {
 public:
  Rounds(const SplitProblem& problem, RoundChoices choices, std::uint32_t microbatches)
      : problem_(problem), choices_(choices), microbatches_(microbatches), ranks_(problem.shape.ranks) {}

  /// False when memory is too tight for this way of going about it.
  bool run() {
    first_round();
    for (std::uint32_t m = 1; m < microbatches_; ++m)
      if (!forward_round() || !gradient_round()) return false;
    for (std::uint32_t rank = 0; rank < ranks_.size(); ++rank)
      while (ranks_[rank].weights < microbatches_) put_weight(rank);
    return true;
  }

  SplitRun result(bool keep) const {
    SplitRun out;
    for (const RankRounds& rank : ranks_) {
      out.iteration = std::max(out.iteration, rank.end);
      out.longest_rank = std::max(out.longest_rank, rank.end - rank.first_start);
      out.idle += rank.end - rank.first_start - rank.busy;
    }
    for (std::uint32_t rank = 0; keep && rank < ranks_.size(); ++rank) out.orders.push_back(order(rank));
    return out;
  }

 private:
  std::vector<Op> order(std::uint32_t rank) const {
    std::array<std::uint32_t, kOpKinds> count{};
    std::vector<Op> ops;
    for (const OpKind kind : ranks_[rank].kinds)
      ops.push_back({MicrobatchId{count[static_cast<std::size_t>(kind)]++}, StageId{static_cast<std::uint16_t>(rank)},
                     kLlm, kind});
    return ops;
  }
  std::uint32_t slot(std::uint32_t rank, OpKind kind, std::uint32_t m) const {
    return problem_.costs.slot(kLlm, kind, StageId{static_cast<std::uint16_t>(rank)}, MicrobatchId{m});
  }
  std::int64_t cost(std::uint32_t rank, OpKind kind, std::uint32_t m) const {
    return problem_.costs.duration[slot(rank, kind, m)].value;
  }
  std::int64_t weight_cost(std::uint32_t rank) const {
    return cost(rank, OpKind::weight_gradient, ranks_[rank].weights);
  }
  bool has_weight(std::uint32_t rank) const { return ranks_[rank].weights < ranks_[rank].gradients(); }
  std::uint32_t last() const { return static_cast<std::uint32_t>(ranks_.size()) - 1; }

  std::int64_t forward_input(std::uint32_t rank, std::uint32_t m) const {
    return rank == 0 ? 0 : ranks_[rank - 1].forward_ends[m] + transfer(rank - 1, OpKind::forward, m);
  }
  std::int64_t gradient_input(std::uint32_t rank, std::uint32_t m) const {
    return rank == last() ? 0 : ranks_[rank + 1].gradient_ends[m] + transfer(rank + 1, OpKind::input_gradient, m);
  }
  std::int64_t transfer(std::uint32_t rank, OpKind kind, std::uint32_t m) const {
    return problem_.costs.transfer[slot(rank, kind, m)].value;
  }

  std::int64_t put(std::uint32_t rank, OpKind kind, std::uint32_t m, std::int64_t input) {
    RankRounds& r = ranks_[rank];
    const std::int64_t start = std::max(r.end, input);
    if (r.kinds.empty()) r.first_start = start;
    else r.idle += start - r.end;
    r.end = start + cost(rank, kind, m);
    r.busy += r.end - start;
    r.kinds.push_back(kind);
    return r.end;
  }
  void put_forward(std::uint32_t rank) {
    const std::uint32_t m = ranks_[rank].forwards();
    ranks_[rank].forward_ends.push_back(put(rank, OpKind::forward, m, forward_input(rank, m)));
  }
  void put_gradient(std::uint32_t rank) {
    const std::uint32_t m = ranks_[rank].gradients();
    ranks_[rank].gradient_ends.push_back(put(rank, OpKind::input_gradient, m, gradient_input(rank, m)));
  }
  void put_weight(std::uint32_t rank) {
    put(rank, OpKind::weight_gradient, ranks_[rank].weights, 0);
    ++ranks_[rank].weights;
  }

  void first_round() {
    for (std::uint32_t rank = 0; rank <= last(); ++rank) put_forward(rank);
    std::vector<std::uint32_t> more = forwards_before_gradient();
    for (std::uint32_t rank = 1; rank <= last(); ++rank) {  // fewer than the rank before, unless that has them all
      const std::uint32_t before = more[rank - 1];
      more[rank] = std::min(more[rank], before + 1 == microbatches_ || before == 0 ? before : before - 1);
    }
    for (std::uint32_t rank = 0; rank <= last(); ++rank)
      for (std::uint32_t i = 0; i < more[rank]; ++i) put_forward(rank);
    for (std::uint32_t rank = last() + 1; rank-- > 0;) put_gradient(rank);
  }

  std::vector<std::uint32_t> forwards_before_gradient() const {
    std::vector<std::uint32_t> more(ranks_.size(), 0);
    std::int64_t arrival = 0;
    for (std::uint32_t rank = last() + 1; rank-- > 0;) {
      std::int64_t end = ranks_[rank].end;
      if (rank < last()) {
        arrival += transfer(rank + 1, OpKind::input_gradient, 0);
        for (std::uint32_t m = 1; m < microbatches_ && m < problem_.limits[rank]; ++m, ++more[rank]) {
          const std::int64_t time = cost(rank, OpKind::forward, m);
          if (choices_.idle_before_first_gradient ? end + time > arrival : end >= arrival) break;
          end += time;
        }
      }
      arrival = std::max(end, arrival) + cost(rank, OpKind::input_gradient, 0);
    }
    return more;
  }

  std::int64_t most_idle() const {
    std::int64_t most = 0;
    for (const RankRounds& rank : ranks_) most = std::max(most, rank.idle);
    return most;
  }

  // Whether a forward on `rank` now would only wait at the next rank, and delay gradients meanwhile.
  bool better_later(std::uint32_t rank) const {
    if (!choices_.gradients_first || rank == last()) return false;
    const RankRounds &own = ranks_[rank], &next = ranks_[rank + 1];
    if (own.forwards() < next.forwards() + 2) return false;
    const std::int64_t needed = next.end + cost(rank + 1, OpKind::forward, next.forwards()) +
                                cost(rank + 1, OpKind::input_gradient, next.gradients()) +
                                transfer(rank + 1, OpKind::input_gradient, next.gradients());
    if (own.end >= needed) return true;
    std::int64_t end = own.end + cost(rank, OpKind::forward, own.forwards());
    std::uint32_t weights = own.weights;
    for (; own.forwards() - weights + 1 > problem_.limits[rank] && weights < own.gradients(); ++weights)
      end += cost(rank, OpKind::weight_gradient, weights);
    return end > needed && needed - own.end <= most_idle() - own.idle;
  }

  bool forward_round() {
    std::vector<bool> takes(ranks_.size());
    for (std::uint32_t rank = 0; rank <= last(); ++rank)
      takes[rank] = ranks_[rank].forwards() < microbatches_ && !better_later(rank);
    for (std::uint32_t rank = last(); rank-- > 0;) takes[rank] = takes[rank] && takes[rank + 1];
    for (std::uint32_t rank = 0; rank <= last(); ++rank) {
      if (!takes[rank]) continue;
      while (ranks_[rank].live() + 1 > problem_.limits[rank]) {
        if (!has_weight(rank)) return false;
        put_weight(rank);
      }
      if (rank > 0) fill_until(rank, forward_input(rank, ranks_[rank].forwards()));
      put_forward(rank);
    }
    return true;
  }

  bool gradient_round() {
    for (std::uint32_t rank = last() + 1; rank-- > 0;) {
      if (ranks_[rank].forwards() <= ranks_[rank].gradients()) return false;
      if (rank < last()) fill_until(rank, gradient_input(rank, ranks_[rank].gradients()));
      if (rank == 0 && ranks_[rank].forwards() == microbatches_)
        while (has_weight(rank)) put_weight(rank);
      put_gradient(rank);
    }
    return true;
  }

  void fill_until(std::uint32_t rank, std::int64_t input) {
    while (has_weight(rank) && ranks_[rank].end + weight_cost(rank) <= input) put_weight(rank);
    const std::int64_t gap = input - ranks_[rank].end;
    if (has_weight(rank) && gap > 0 && (choices_.fill_small_gaps || gap > most_idle() - ranks_[rank].idle))
      put_weight(rank);
  }

  const SplitProblem& problem_;
  const RoundChoices choices_;
  const std::uint32_t microbatches_;
  std::vector<RankRounds> ranks_;
};

}  // namespace

std::optional<SplitRun> best_round_run(const SplitProblem& problem, std::uint32_t prefix) {
  std::optional<SplitRun> best;
  std::uint32_t best_choice = 0;
  for (std::uint32_t choice = 0; choice < 8; ++choice) {
    Rounds rounds(problem, {(choice & 1) != 0, (choice & 2) != 0, (choice & 4) != 0}, prefix);
    if (!rounds.run()) continue;
    SplitRun run = rounds.result(false);
    if (best && !run.better_than(*best)) continue;
    best = std::move(run);
    best_choice = choice;
  }
  if (!best) return best;
  Rounds whole(problem, {(best_choice & 1) != 0, (best_choice & 2) != 0, (best_choice & 4) != 0},
               problem.pipeline.microbatches);
  return whole.run() ? std::optional(whole.result(true)) : std::nullopt;
}

}  // namespace bigmac
