#include "optimus_greedy.h"

#include <algorithm>

namespace bigmac {
namespace {

/// One rank: how many items have moved between the LLM's operations, and where everything lies.
class GreedyRank {
 public:
  GreedyRank(const Room& room, const EncoderItems& items)
      : before_{{room.bubbles.front()}, {}, room.costs},
        inside_{{room.bubbles.begin() + 1, room.bubbles.end() - 1}, room.hosts, room.costs},
        after_{{room.bubbles.back()}, {}, room.costs},
        items_(items),
        packing_(pack_coarse(room, items)) {}

  const RankPacking& packing() const { return packing_; }
  std::int64_t shift() const { return -packing_.begin(); }

  /// Moves the last forward still in front; false when there is no room in time, or nothing won.
  bool move_forward() {
    const std::size_t moved = forwards_ + next_group(items_.forwards, forwards_, true);
    const auto middle = items_.forwards.end() - static_cast<std::ptrdiff_t>(moved);
    auto inner = pack_early(inside_, {middle, items_.forwards.end()});
    if (moved == forwards_ || !inner) return false;
    auto outer = pack_late(before_, {items_.forwards.begin(), middle});
    Packed both = joined(std::move(*outer), *inner);
    if (both.slices.front().at.start <= packing_.begin()) return false;
    packing_.forwards = std::move(both);
    forwards_ = moved;
    return true;
  }

  bool move_backward() {
    const std::size_t moved = backwards_ + next_group(items_.backwards, backwards_, false);
    const auto middle = items_.backwards.begin() + static_cast<std::ptrdiff_t>(moved);
    auto inner = pack_early(without(inside_, packing_.forwards), {items_.backwards.begin(), middle});
    if (moved == backwards_ || !inner) return false;
    const auto outer = pack_early(after_, {middle, items_.backwards.end()});
    Packed both = joined(std::move(*inner), *outer);
    if (both.slices.back().at.end >= packing_.end()) return false;
    packing_.backwards = std::move(both);
    backwards_ = moved;
    return true;
  }

 private:
  static Packed joined(Packed first, const Packed& second) {
    first.slices.insert(first.slices.end(), second.slices.begin(), second.slices.end());
    first.rides.insert(first.rides.end(), second.rides.begin(), second.rides.end());
    return first;
  }

  // The items of the microbatch whose turn it is to move: several encoders move together.
  static std::size_t next_group(const std::vector<EncoderItem>& items, std::size_t moved, bool from_back) {
    const auto at = [&](std::size_t i) { return (from_back ? items[items.size() - 1 - i] : items[i]).op.microbatch; };
    std::size_t end = moved;
    while (end < items.size() && at(end) == at(moved)) ++end;
    return end - moved;
  }

  Room before_, inside_, after_;
  const EncoderItems& items_;
  RankPacking packing_;
  std::size_t forwards_ = 0, backwards_ = 0;
};

}  // namespace

Packing pack_greedily(const LlmTimeline& timeline, const std::vector<EncoderItems>& items) {
  std::vector<GreedyRank> ranks;
  for (std::size_t r = 0; r < items.size(); ++r) ranks.emplace_back(timeline.rooms[r], items[r]);
  const auto shifts_less = [](const GreedyRank& a, const GreedyRank& b) { return a.shift() < b.shift(); };
  const auto ends_sooner = [](const GreedyRank& a, const GreedyRank& b) {
    return a.packing().end() < b.packing().end();
  };
  for (bool moved = true; moved;) {
    GreedyRank& critical = *std::max_element(ranks.begin(), ranks.end(), shifts_less);
    moved = critical.shift() > 0 && critical.move_forward();
  }
  for (bool moved = true; moved;) {
    GreedyRank& critical = *std::max_element(ranks.begin(), ranks.end(), ends_sooner);
    moved = critical.packing().end() > timeline.span && critical.move_backward();
  }
  Packing out;
  for (const GreedyRank& rank : ranks) out.push_back(rank.packing());
  return out;
}

}  // namespace bigmac
