#include "hybrid_fill.h"

#include <algorithm>
#include <bit>

#include "hybrid_events.h"
#include "hybrid_ranks.h"
#include "hybrid_slip.h"
#include "hybrid_spare.h"
#include "hybrid_takes.h"

namespace bigmac::hybrid {
namespace {

constexpr std::int64_t kNever = INT64_MAX / 4;

class Fill {
 public:
  Fill(const LlmClock& llm, const Sides& sides, const Placement& placement, const FillRules& rules,
       std::int64_t give_up_at)
      : llm_(llm),
        sides_(sides),
        rules_(rules),
        takes_(llm, sides, placement, rules),
        placement_(placement),
        give_up_at_(give_up_at),
        spare_(llm, sides, placement, rules, give_up_at),
        stages_(sides.forward.stages()),
        slip_(llm, sides, placement.head * sides.forward.mean()),
        ranks_(rank_states(placement, llm.ranks(), sides.forward.stages())),
        queues_(llm_queues(llm)),
        generator_load_(llm.ranks(), 0),
        mean_generator_load_(sides.generator.sum() / llm.ranks()),
        arrival_(llm.tasks.size(), kNever),
        side_arrival_(llm.tasks.size(), 0),
        idle_(llm.ranks()),
        awake_(llm.ranks()),
        all_awake_(rules.dynamic || rules.dynamic_generators) {
    margin_ = rules.margin * std::max({sides.forward.largest_slice(), sides.backward.largest_slice(),
                                       sides.generator.largest_slice()});
    lead_ = rules.lead * llm.mean_backward / 4;
    const std::uint32_t most_chunks = std::min(llm.most_live + rules.llm_extra, rules.llm_live_limit);
    out_.ranks.resize(llm.ranks());
    for (std::uint32_t r = 0; r < llm.ranks(); ++r) {
      out_.ranks[r].reserve(2 * (llm.first[r + 1] - llm.first[r]));
      ranks_[r].most_live = rules.by_rank == nullptr ? rules.live_limit : rules.by_rank->encoders(r, rules.live_limit);
      ranks_[r].most_chunks = rules.by_rank == nullptr ? most_chunks : rules.by_rank->chunks(r, most_chunks);
      idle_.insert(r);
      awake_.insert(r);
    }
    left_ = llm.tasks.size();
    const std::size_t count = llm.forward_due.size();
    if (!sides.forward.empty()) left_ += count * stages_, wait_for(llm.forward_task);
    if (!sides.backward.empty()) left_ += count * stages_;
    if (stages_ > 1) forward_input_.assign(count * stages_, kNever);
    if (!sides.generator.empty()) left_ += count, wait_for(llm.gradient_task);
  }

  Filled run() {
    for (;;) {
      slip_.advance(now_);
      if (spare_.gone() || llm_.span + slip_.slip() >= give_up_at_) return std::move(out_);
      decide_all();
      if (left_ == 0 && events_.empty()) break;
      if (events_.empty() && !force()) return std::move(out_);
      now_ = events_.top().time;
      if (now_ >= give_up_at_) return std::move(out_);
      while (!events_.empty() && events_.top().time == now_) {
        const Event event = events_.pop();
        awake_.insert(event.rank);
        if (event.completes) complete(event.rank);
      }
    }
    out_.finished = true;
    placement_.encoder = takes_.pipelines();
    out_.placement = std::move(placement_);
    out_.end = now_;
    return std::move(out_);
  }

 private:
  void wait_for(const std::vector<std::uint32_t>& tasks) {
    for (const std::uint32_t task : tasks) side_arrival_[task] = kNever;
  }

  // --- completions -------------------------------------------------------------------------------------------------
  void complete(std::uint32_t r) {
    RankState& rank = ranks_[r];
    rank.busy = false;
    rank.idle_since = now_;
    idle_.insert(r);
    switch (rank.running) {
      case Work::llm: return complete_llm(r, rank.task);
      case Work::forward: return advance(rank.forward, sides_.forward, [&] { complete_forward(r); });
      case Work::backward: return advance(rank.backward, sides_.backward, [&] { complete_backward(r); });
      case Work::generator: return advance(rank.generator, sides_.generator, [&] { complete_generator(r); });
    }
  }

  template <class Finish>
  void advance(Begun& begun, const SideWork& work, Finish&& finish) {
    begun.next += begun.running;
    if (begun.next < work.slices()) return;
    --left_;
    finish();
    begun = {};
  }

  void complete_llm(std::uint32_t r, std::uint32_t i) {
    --left_;
    const LlmTask& task = llm_.tasks[i];
    if ((task.tags & kReleases) != 0) --ranks_[r].llm_live;
    if (task.weight != kNone) ranks_[r].weights.tasks.push_back(task.weight);
    if (task.consumer != kNone) {
      arrival_[i] = now_ + task.transfer;
      arrives(arrival_[i], llm_.tasks[task.consumer].rank);
    }
    if ((task.tags & kFirstGradient) != 0 && !sides_.backward.empty()) {
      const std::uint32_t last = placement_.encoder_rank(takes_.pipeline_of(task.position), stages_ - 1, stages_);
      release(ranks_[last].backwards, last, task.position * stages_ + stages_ - 1, r, task.transfer);
    }
    if ((task.tags & kLastForward) == 0 || sides_.generator.empty()) return;
    if (rules_.dynamic_generators) {
      pool_.items.emplace_back(task.position, now_ + task.transfer);
      arrives(now_ + task.transfer, r);
    } else {
      const std::uint32_t to = placement_.generator[task.position];
      release(ranks_[to].generators, to, task.position, r, task.transfer);
    }
  }

  void release(Released& released, std::uint32_t to, std::uint32_t piece, std::uint32_t from, std::int64_t transfer) {
    const std::int64_t at = to == from ? now_ : now_ + transfer;
    released.items.emplace_back(piece, at);
    arrives(at, to);
  }

  /// What arrives on a rank may change its mind.
  void arrives(std::int64_t at, std::uint32_t rank) {
    if (at > now_) events_.push({at, rank, false});
    else awake_.insert(rank);
  }

  /// The result of a side module reaches the LLM task that waits for it: when.
  std::int64_t deliver(std::uint32_t task, std::uint32_t from, std::int64_t transfer) {
    const std::uint32_t to = llm_.tasks[task].rank;
    const std::int64_t at = to == from ? now_ : now_ + transfer;
    side_arrival_[task] = at;
    arrives(at, to);
    return at;
  }

  void complete_forward(std::uint32_t r) {
    RankState& rank = ranks_[r];
    const std::uint32_t piece = rank.forward.piece, p = sides_.forward.position_of(piece);
    if (sides_.backward.empty() && rank.stage == 0) --rank.live;
    if (stages_ > 1) {
      ++rank.forwards_done, slip_.stage_done(p);
      if (rank.stage + 1 < stages_) {
        forward_input_[piece + 1] = now_ + sides_.forward.transfer(piece);
        return arrives(forward_input_[piece + 1], placement_.encoder_rank(rank.pipeline, rank.stage + 1, stages_));
      }
    }
    slip_.forward_done(p, deliver(llm_.forward_task[p], r, sides_.forward.transfer(piece)));
  }
  void complete_backward(std::uint32_t r) {
    RankState& rank = ranks_[r];
    ++rank.backwards.front;
    if (rank.stage == 0) {
      --rank.live;
      return;
    }
    const std::uint32_t piece = rank.backward.piece;
    const std::uint32_t to = placement_.encoder_rank(rank.pipeline, rank.stage - 1, stages_);
    release(ranks_[to].backwards, to, piece - 1, r, sides_.backward.transfer(piece));
  }
  void complete_generator(std::uint32_t r) {
    const std::uint32_t p = ranks_[r].generator.piece;
    ++ranks_[r].generators.front;
    slip_.generator_done(p, deliver(llm_.gradient_task[p], r, sides_.generator.transfer(p)));
  }

  bool ready(std::uint32_t i) const {
    const LlmTask& task = llm_.tasks[i];
    return side_arrival_[i] <= now_ && (task.input == kNone || arrival_[task.input] <= now_);
  }

  // --- decisions ---------------------------------------------------------------------------------------------------
  // An idle rank that chose to wait goes on waiting until something completes or arrives there or the room of all
  // grows, D(t) - t: by a slip, or where the next of the LLM's positions has more encoder stages before it. Where
  // work is dealt while it runs, what another rank takes matters too.
  void decide_all() {
    const bool all = all_awake_ || slip_.clock() - now_ > room_decided_;
    room_decided_ = slip_.clock() - now_;
    RankSet& ranks = all ? idle_ : awake_;
    if (rules_.descending) ranks.for_each_descending([&](std::uint32_t r) { decide(r); });
    else ranks.for_each([&](std::uint32_t r) { decide(r); });
    awake_.clear();
  }

  void decide(std::uint32_t r) {
    if (ranks_[r].busy) return;
    const std::uint32_t next = queues_[r].next();
    const Slice x = choose(r);
    const std::uint32_t weight = ranks_[r].weights.next();
    if (next == kNone) {
      if (x.work != Work::llm) start_slice(r, whole(x));
      else if (weight != kNone) start_weight(r, weight);
      return;
    }
    const std::int64_t room = llm_.tasks[next].latest + slip_.clock() - now_;
    if (weight != kNone && decide_weight(r, next, weight, room, x)) return;
    if (!ready(next)) {
      if (x.work != Work::llm && x.length <= room + margin_) start_slice(r, x);
      else if (may_run_ahead(r, room)) start_llm(r, queues_[r].ahead());
    } else if (x.pressing && x.length <= room && (rules_.eager || is_due(x))) {
      start_slice(r, x);
    } else {
      start_llm(r, next);
    }
  }

  /// Where the next operation of the LLM is not ready a weight gradient that fits comes before all but what presses,
  /// and before that as well where the rank holds all the chunks it may; a forward that would hold more waits for one.
  bool decide_weight(std::uint32_t r, std::uint32_t next, std::uint32_t weight, std::int64_t room, const Slice& x) {
    const bool is_ready = ready(next), full = ranks_[r].llm_live >= ranks_[r].most_chunks;
    const std::int64_t length = llm_.tasks[weight].duration;
    const bool must = is_ready && full && (llm_.tasks[next].tags & kHolds) != 0;
    const bool presses = x.pressing && x.length <= room + margin_ && !full;
    if (!must && (is_ready || length > room || presses)) return false;
    start_weight(r, weight);
    if (must) slip_.late_by(now_ + length - llm_.tasks[next].latest);
    return true;
  }

  /// Whether rank r may run an operation of the LLM out of turn without delaying the one whose turn it is.
  bool may_run_ahead(std::uint32_t r, std::int64_t room) const {
    const std::uint32_t other = rules_.ahead ? queues_[r].ahead() : kNone;
    if (other == kNone || !ready(other)) return false;
    const LlmTask& task = llm_.tasks[other];
    const bool holds = (task.tags & kHolds) != 0;
    if (!holds && task.forward >= queues_[r].next_forward()) return false;  // its own forward comes first
    return task.duration <= room && (!holds || ranks_[r].llm_live < ranks_[r].most_chunks);
  }

  const SideWork& work_of(const Slice& x) const {
    return x.work == Work::forward ? sides_.forward : x.work == Work::backward ? sides_.backward : sides_.generator;
  }

  /// All slices that are left, at once.
  Slice whole(Slice x) const {
    const SideWork& work = work_of(x);
    x.count = work.slices() - x.k;
    x.length = work.rest(x.piece, x.k);
    return x;
  }

  bool is_due(const Slice& x) const { return x.due + slip_.clock() - now_ <= x.remaining + lead_; }

  Slice choose(std::uint32_t r) {
    const Slice encoder = choose_encoder(r), generator = choose_generator(r);
    if (generator.work == Work::llm) return encoder;
    if (encoder.work == Work::llm || !encoder.pressing) return generator;
    return generator.due - generator.remaining <= encoder.due - encoder.remaining ? generator : encoder;
  }

  Slice choose_encoder(std::uint32_t r) {
    RankState& rank = ranks_[r];
    if (rank.forward.any()) return forward_slice(rank.forward.piece, rank.forward.next, 0);
    // What the pipeline may begin next, and whether the limit keeps it from doing so.
    const std::uint32_t next = takes_.next(rank.pipeline, now_, slip_.clock());
    const bool full = ranks_[rank.first].full();
    if (rank.stage > 0) {
      const std::uint32_t p = takes_.following(rank.pipeline, rank.forwards_done);
      if (p != kNone && forward_input_[p * stages_ + rank.stage] <= now_)
        return forward_slice(p * stages_ + rank.stage, 0, 0);
    } else if (next != kNone) {
      if (!full) return forward_slice(next * stages_, 0, 0);
      out_.limited = true;
    }
    if (!rank.backwards.any(now_)) return {};
    const std::uint32_t piece = rank.backwards.piece(), k = rank.backward.next;
    if (next != kNone && full) {  // only after this backward may the next forward begin
      Slice x = forward_slice(next * stages_, 0, sides_.backward.rest(piece, k) + sides_.backward.behind(piece));
      x.work = Work::backward, x.piece = piece, x.k = k, x.length = sides_.backward.slice(piece, k);
      return x;
    }
    return {Work::backward, piece, k, sides_.backward.slice(piece, k), false, 0, 0, 1};
  }

  /// Later stages may each have to wait for an operation of the LLM.
  Slice forward_slice(std::uint32_t piece, std::uint32_t k, std::int64_t before) const {
    const std::uint32_t p = sides_.forward.position_of(piece), later = stages_ - 1 - (piece - p * stages_);
    const std::int64_t left = before + sides_.forward.rest(piece, k) + sides_.forward.behind(piece) + later * lead_;
    return {Work::forward, piece, k, sides_.forward.slice(piece, k), true, llm_.forward_due[p], left, 1};
  }

  Slice choose_generator(std::uint32_t r) const {
    const RankState& rank = ranks_[r];
    if (rank.generators.any(now_)) return generator_slice(rank.generators.piece(), rank.generator.next);
    if (!pool_.any(now_)) return {};
    const Slice x = generator_slice(pool_.piece(), 0);
    const bool fits = generator_load_[r] + x.remaining / 2 <= mean_generator_load_;
    return fits || is_due(x) ? x : Slice{};
  }

  Slice generator_slice(std::uint32_t p, std::uint32_t k) const {
    const std::int64_t left = sides_.generator.rest(p, k) + sides_.generator.transfer(p);
    return {Work::generator, p, k, sides_.generator.slice(p, k), true, llm_.gradient_due[p], left, 1};
  }

  /// Nothing runs and nothing is allowed: start any slice there is. False when there is none: a deadlock.
  bool force() {
    for (std::uint32_t r = 0; r < ranks_.size(); ++r) {
      const Slice x = choose(r);
      if (x.work == Work::llm) continue;
      start_slice(r, x);
      return true;
    }
    return false;
  }

  // --- starts ------------------------------------------------------------------------------------------------------
  void begin(std::uint32_t r, Work work, std::int64_t length) {
    RankState& rank = ranks_[r];
    rank.busy = true;
    rank.running = work;
    spare_.idled(r, now_ - rank.idle_since);
    idle_.erase(r);
    events_.push({now_ + length, r, true});
  }

  void start_llm(std::uint32_t r, std::uint32_t i) {
    queues_[r].take(i);
    ranks_[r].task = i;
    if ((llm_.tasks[i].tags & kHolds) != 0) ++ranks_[r].llm_live;
    out_.ranks[r].push_back({Work::llm, 0, 1, i});
    begin(r, Work::llm, llm_.tasks[i].duration);
  }

  void start_weight(std::uint32_t r, std::uint32_t i) {
    ++ranks_[r].weights.front;
    ranks_[r].task = i;
    out_.ranks[r].push_back({Work::llm, 0, 1, i});
    begin(r, Work::llm, llm_.tasks[i].duration);
  }

  void start_slice(std::uint32_t r, const Slice& x) {
    RankState& rank = ranks_[r];
    if (x.work == Work::forward && x.k == 0 && rank.stage == 0) {
      takes_.take(rank.pipeline, sides_.forward.position_of(x.piece));
      out_.most_live = std::max(out_.most_live, ++rank.live);
    }
    if (x.work == Work::generator && !rank.generators.any(now_)) {  // out of the pool
      placement_.generator[x.piece] = r;
      generator_load_[r] += sides_.generator.total(x.piece);
      rank.generators.items.push_back(pool_.items[pool_.front++]);
    }
    Begun& begun = x.work == Work::forward ? rank.forward : x.work == Work::backward ? rank.backward : rank.generator;
    begun = {x.piece, x.k, x.count};
    std::vector<Entry>& out = out_.ranks[r];
    if (!out.empty() && out.back().work == x.work && out.back().what == x.piece)
      out.back().count = static_cast<std::uint16_t>(out.back().count + x.count);
    else out.push_back({x.work, static_cast<std::uint16_t>(x.k), static_cast<std::uint16_t>(x.count), x.piece});
    begin(r, x.work, x.length);
  }

  const LlmClock& llm_;
  const Sides& sides_;
  const FillRules rules_;
  Takes takes_;
  Placement placement_;
  const std::int64_t give_up_at_;
  SpareTime spare_;
  const std::uint32_t stages_;  // of encoders
  Slip slip_;
  std::int64_t now_ = 0, margin_ = 0, lead_ = 0;
  std::vector<RankState> ranks_;
  std::vector<LlmQueue> queues_;
  Released pool_;  // generators that any rank may take
  std::vector<std::int64_t> generator_load_;
  std::int64_t mean_generator_load_ = 0;
  std::vector<std::int64_t> arrival_, side_arrival_;  // by LLM task: of its product; of what sides send it
  std::vector<std::int64_t> forward_input_;           // by piece, of stages that follow one
  std::size_t left_ = 0;
  RankSet idle_, awake_;  // awake: something changed there since it decided
  bool all_awake_;
  std::int64_t room_decided_ = 0;
  EventQueue events_;
  Filled out_;
};

}  // namespace

Filled fill(const LlmClock& llm, const Sides& sides, const Placement& placement, const FillRules& rules,
            std::int64_t give_up_at) {
  return Fill(llm, sides, placement, rules, give_up_at).run();
}

}  // namespace bigmac::hybrid
