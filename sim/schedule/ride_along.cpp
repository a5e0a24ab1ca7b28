#include "ride_along.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "bigmac/schedule/rides.h"

namespace bigmac {
namespace {

/// An LLM operation with waits.
struct Carrier {
  std::uint32_t at;  // in the rank's list
  std::uint32_t waits, ends;
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
  RankRides(const Pipeline& pipeline, const CostTable& costs, std::span<const Op> ops)
      : pipeline_(pipeline), costs_(costs), ops_(ops), dropped_(ops.size(), false), live_(ops.size() + 1, 0) {
    std::map<std::tuple<int, std::uint32_t, int>, std::size_t> known;
    for (std::uint32_t i = 0; i < ops.size(); ++i) {
      const Op& op = ops[i];
      if (op.module == kLlm) {
        const RideShape& shape = costs.rides[costs.slot(op)];
        if (shape.count + shape.end_count > 0) carriers_.push_back({i, shape.count, shape.end_count});
      } else if (pipeline.modules[op.module].role == Role::encoder) {
        const auto key = std::tuple(int{op.module.value}, op.microbatch.value, static_cast<int>(op.kind));
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
    auto it = from;
    for (; it != carriers_.end() && left > 0; ++it) left -= std::min(left, capacity(*it, guest.op));
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
    auto it = until;
    while (it != carriers_.begin() && left > 0) left -= std::min(left, capacity(*--it, guest.op));
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
  std::span<const Op> ops_;
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
  if (costs.rides.empty() || pipeline.encoder_stages() > 1 || !schedule.rides.empty()) return;
  std::vector<Op> ops;
  std::vector<std::uint32_t> first = {0};
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank) {
    RankRides rides(pipeline, costs, schedule.rank_ops(RankId{rank}));
    rides.run(live_limit);
    rides.list(ops, schedule.rides);
    first.push_back(static_cast<std::uint32_t>(ops.size()));
  }
  schedule.ops = std::move(ops);
  schedule.first = std::move(first);
}

}  // namespace bigmac
