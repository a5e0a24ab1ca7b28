#include "ride_along.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "bigmac/schedule/rides.h"
#include "order_clock.h"

namespace bigmac {
namespace {

constexpr std::int64_t kNever = INT64_MAX / 4;

/// An LLM operation with waits.
struct Carrier {
  std::uint32_t at;  // in the rank's list
  std::uint32_t waits, ends;
};

/// Between when an operation that rides may begin and end: an encoder's later stage waits for the one before it, and
/// the one before a backward's waits for it.
struct Span {
  std::int64_t begin = 0, end = kNever;
};

/// The spans of encoder stages, from when the schedule runs them as it stands.
class StageSpans {
 public:
  StageSpans(const Pipeline& pipeline, const CostTable& costs, const Schedule& schedule)
      : pipeline_(pipeline), costs_(costs) {
    if (pipeline.encoder_stages() == 1) return;
    const auto times = op_times(pipeline, costs, schedule);
    if (!times) return;
    times_ = *times;
    for (std::uint32_t i = 0; i < schedule.ops.size(); ++i) {
      const Op& op = schedule.ops[i];
      if (op.module == kLlm) continue;
      const auto [at, is_new] = runs_.try_emplace(key(op, op.stage.value), times_[i]);
      if (!is_new) at->second.end = times_[i].end;
    }
  }

  /// Whether stages need no times, or have them.
  bool known() const { return pipeline_.encoder_stages() == 1 || !times_.empty(); }

  Span of(const Op& op) const {
    Span out;
    if (op.stage.value == 0 || times_.empty()) return out;
    const OpTime& before = runs_.at(key(op, op.stage.value - 1u));
    Op sender = op;
    if (op.kind == OpKind::forward) --sender.stage.value;
    const std::int64_t transfer = costs_.transfer[costs_.slot(sender)].value;
    if (op.kind == OpKind::forward) out.begin = before.end + transfer;
    else out.end = before.start - transfer;
    return out;
  }
  /// When the i-th operation of all runs; always where stages are whole.
  OpTime at(std::uint32_t i) const { return times_.empty() ? OpTime{kNever, 0} : times_[i]; }

 private:
  using Key = std::tuple<int, std::uint32_t, std::uint32_t, int>;
  static Key key(const Op& op, std::uint32_t stage) {
    return {op.module.value, stage, op.microbatch.value, static_cast<int>(op.kind)};
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  std::vector<OpTime> times_;
  std::map<Key, OpTime> runs_;
};

/// One encoder operation of the rank, and which microbatch's it is.
struct Guest {
  Op op;  // part 0 of 1
  std::uint32_t first, last;
  std::vector<std::uint32_t> parts;
};

/// One rank: chooses rides, then lists the operations anew.
class RankRides {
 public:
  /// `first`: of the rank's operations among all.
  RankRides(const Pipeline& pipeline, const CostTable& costs, const StageSpans& spans, std::span<const Op> ops,
            std::uint32_t first)
      : pipeline_(pipeline),
        costs_(costs),
        spans_(spans),
        ops_(ops),
        first_(first),
        dropped_(ops.size(), false),
        live_(ops.size() + 1, 0) {
    std::map<std::tuple<int, int, std::uint32_t, int>, std::size_t> known;
    for (std::uint32_t i = 0; i < ops.size(); ++i) {
      const Op& op = ops[i];
      if (op.module == kLlm) {
        const RideShape& shape = costs.rides[costs.slot(op)];
        if (shape.count + shape.end_count > 0) carriers_.push_back({i, shape.count, shape.end_count});
      } else if (pipeline.modules[op.module].role == Role::encoder) {
        const auto key =
            std::tuple(int{op.module.value}, int{op.stage.value}, op.microbatch.value, static_cast<int>(op.kind));
        const auto [at, is_new] = known.try_emplace(key, guests_.size());
        if (is_new) guests_.push_back({{op.microbatch, op.stage, op.module, op.kind}, i, i, {}});
        guests_[at->second].last = i;
        guests_[at->second].parts.push_back(i);
      }
    }
    note_live();
  }

  void run(std::uint32_t limit) {
    limit_ = limit;
    // Backwards from the first on, forwards from the last: each finds the waits nearest to it untaken.
    for (const Guest& guest : guests_)
      if (guest.op.kind == OpKind::backward) ride_after(guest);
    for (auto it = guests_.rbegin(); it != guests_.rend(); ++it)
      if (it->op.kind == OpKind::forward) ride_before(*it);
  }

  void list(std::vector<Op>& out, std::vector<Ride>& rides) const {
    for (std::uint32_t i = 0; i <= ops_.size(); ++i) {
      const auto [begin, end] = marks_.equal_range(i);
      for (auto mark = begin; mark != end; ++mark) out.push_back(mark->second);
      if (i < ops_.size() && !dropped_[i]) out.push_back(ops_[i]);
      const auto [first, last] = rides_.equal_range(i);
      for (auto ride = first; ride != last; ++ride) rides.push_back(ride->second);
    }
  }

 private:
  // Operations held while the i-th of the list runs, encoders' only.
  void note_live() {
    std::int32_t live = 0;
    for (std::uint32_t i = 0; i < ops_.size(); ++i) {
      const Op& op = ops_[i];
      const bool encodes = op.module != kLlm && pipeline_.modules[op.module].role == Role::encoder;
      if (encodes && op.kind == OpKind::forward && op.part == 0) ++live;
      live_[i] = live;
      const bool ends = op.kind != OpKind::forward || !pipeline_.modules[op.module].backward;
      if (encodes && ends && op.part + 1 == op.parts) --live;
    }
  }

  std::uint32_t capacity(const Carrier& carrier, const Op& guest) const {
    const Op& host = ops_[carrier.at];
    return carrier.waits * kernels_in_a_wait(costs_, host, guest, false) +
           carrier.ends * kernels_in_a_wait(costs_, host, guest, true);
  }

  void ride_after(const Guest& guest) {
    const auto from = std::upper_bound(carriers_.begin(), carriers_.end(), guest.first,
                                       [](std::uint32_t at, const Carrier& carrier) { return at < carrier.at; });
    std::uint32_t left = costs_.rides[costs_.slot(guest.op)].count;
    const std::int64_t end_by = spans_.of(guest.op).end;
    auto it = from;
    for (; it != carriers_.end() && left > 0 && spans_.at(first_ + it->at).end <= end_by; ++it)
      left -= std::min(left, capacity(*it, guest.op));
    if (left > 0 || it == from) return;
    const std::uint32_t end = std::prev(it)->at;
    if (end > guest.last && !hold(guest.last + 1, end)) return;
    take(guest, from, it);
    mark(guest, guest.first, end + 1);
  }

  void ride_before(const Guest& guest) {
    const auto until = std::lower_bound(carriers_.begin(), carriers_.end(), guest.last,
                                        [](const Carrier& carrier, std::uint32_t at) { return carrier.at < at; });
    std::uint32_t left = costs_.rides[costs_.slot(guest.op)].count;
    const std::int64_t begin_from = spans_.of(guest.op).begin;
    auto it = until;
    while (it != carriers_.begin() && left > 0 && spans_.at(first_ + std::prev(it)->at).start >= begin_from)
      left -= std::min(left, capacity(*--it, guest.op));
    if (left > 0 || it == until) return;
    if (it->at < guest.first && !hold(it->at, guest.first - 1)) return;
    take(guest, it, until);
    mark(guest, it->at, guest.last);
  }

  // One more microbatch during [first, last] of the list, if the limit allows it.
  bool hold(std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t i = first; i <= last; ++i)
      if (static_cast<std::uint32_t>(live_[i]) + 1 > limit_) return false;
    for (std::uint32_t i = first; i <= last; ++i) ++live_[i];
    return true;
  }

  template <class Iterator>
  void take(const Guest& guest, Iterator from, Iterator to) {
    std::uint32_t left = costs_.rides[costs_.slot(guest.op)].count;
    for (auto it = from; it != to; ++it)
      for (const bool at_ends : {false, true}) {
        std::uint32_t& waits = at_ends ? it->ends : it->waits;
        const std::uint32_t fit = kernels_in_a_wait(costs_, ops_[it->at], guest.op, at_ends);
        const std::uint32_t kernels = std::min(left, waits * fit);
        if (kernels == 0) continue;
        waits -= (kernels + fit - 1) / fit;
        left -= kernels;
        rides_.emplace(it->at, Ride{ops_[it->at], guest.op, kernels, at_ends});
      }
  }

  // The operation's parts go; a part of no length stands before each of the two places.
  void mark(const Guest& guest, std::uint32_t first, std::uint32_t last) {
    for (const std::uint32_t i : guest.parts) dropped_[i] = true;
    Op part = guest.op;
    part.parts = 2;
    marks_.emplace(first, part);
    part.part = 1;
    marks_.emplace(last, part);
  }

  const Pipeline& pipeline_;
  const CostTable& costs_;
  const StageSpans& spans_;
  std::span<const Op> ops_;
  std::uint32_t first_;
  std::vector<bool> dropped_;
  std::vector<std::int32_t> live_;
  std::vector<Carrier> carriers_;
  std::vector<Guest> guests_;
  std::multimap<std::uint32_t, Op> marks_;    // before the operation with this index
  std::multimap<std::uint32_t, Ride> rides_;  // by index of the host
  std::uint32_t limit_ = UINT32_MAX;
};

}  // namespace

void ride_along(const Pipeline& pipeline, const CostTable& costs, std::uint32_t live_limit, Schedule& schedule) {
  if (costs.rides.empty() || !schedule.rides.empty()) return;
  const StageSpans spans(pipeline, costs, schedule);
  if (!spans.known()) return;
  std::vector<Op> ops;
  std::vector<std::uint32_t> first = {0};
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank) {
    RankRides rides(pipeline, costs, spans, schedule.rank_ops(RankId{rank}), schedule.first[rank]);
    rides.run(live_limit);
    rides.list(ops, schedule.rides);
    first.push_back(static_cast<std::uint32_t>(ops.size()));
  }
  schedule.ops = std::move(ops);
  schedule.first = std::move(first);
}

}  // namespace bigmac
