#include "optimus_greedy.h"

#include <algorithm>

namespace bigmac {
namespace {

/// One encoder pipeline: how many items of each stage have moved between the LLM's operations, and where all lie.
class GreedyPipeline {
 public:
  GreedyPipeline(const CostTable& costs, Rooms rooms, StageItems items)
      : costs_(costs), items_(items), packing_(pack_coarse(costs, rooms, items)) {
    for (const Room& room : rooms) {
      before_.push_back({{room.bubbles.front()}, {}, room.costs});
      inside_.push_back({{room.bubbles.begin() + 1, room.bubbles.end() - 1}, room.hosts, room.costs});
      after_.push_back({{room.bubbles.back()}, {}, room.costs});
    }
  }

  const StagePacking& packing() const { return packing_; }
  std::int64_t begin() const { return extreme(packing_, true); }
  std::int64_t end() const { return extreme(packing_, false); }

  /// Moves the last forward still in front; false when there is no room in time, or nothing won.
  bool move_forward() {
    const std::size_t moved = forwards_ + next_group(items_[0].forwards, forwards_, true);
    if (moved == forwards_) return false;
    const auto inner = forwards_early(costs_, inside_, with_forwards([&](auto& all) { keep_last(all, moved); }));
    if (!inner) return false;
    const auto outer =
        forwards_late(costs_, before_, with_forwards([&](auto& all) { all.resize(all.size() - moved); }));
    StagePacking both = packing_;
    for (std::size_t s = 0; s < both.size(); ++s) both[s].forwards = joined(outer[s], (*inner)[s]);
    if (extreme(both, true) <= begin()) return false;
    packing_ = std::move(both);
    forwards_ = moved;
    return true;
  }

  bool move_backward() {
    const std::size_t moved = backwards_ + next_group(items_[0].backwards, backwards_, false);
    if (moved == backwards_) return false;
    std::vector<Room> left;
    for (std::size_t s = 0; s < packing_.size(); ++s) left.push_back(without(inside_[s], packing_[s].forwards));
    const auto inner = backwards_early(costs_, left, with_backwards([&](auto& all) { all.resize(moved); }));
    if (!inner) return false;
    const auto outer =
        backwards_early(costs_, after_, with_backwards([&](auto& all) { keep_last(all, all.size() - moved); }));
    StagePacking both = packing_;
    for (std::size_t s = 0; s < both.size(); ++s) both[s].backwards = joined((*inner)[s], (*outer)[s]);
    if (extreme(both, false) >= end()) return false;
    packing_ = std::move(both);
    backwards_ = moved;
    return true;
  }

 private:
  static std::int64_t extreme(const StagePacking& packing, bool begin) {
    std::int64_t out = begin ? packing[0].begin() : packing[0].end();
    for (const RankPacking& rank : packing) out = begin ? std::min(out, rank.begin()) : std::max(out, rank.end());
    return out;
  }

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

  static void keep_last(std::vector<EncoderItem>& items, std::size_t count) {
    items.erase(items.begin(), items.end() - static_cast<std::ptrdiff_t>(count));
  }
  template <class Cut>
  std::vector<EncoderItems> with_forwards(Cut&& cut) const {
    std::vector<EncoderItems> out;
    for (const EncoderItems& stage : items_) cut(out.emplace_back(EncoderItems{stage.forwards, {}}).forwards);
    return out;
  }
  template <class Cut>
  std::vector<EncoderItems> with_backwards(Cut&& cut) const {
    std::vector<EncoderItems> out;
    for (const EncoderItems& stage : items_) cut(out.emplace_back(EncoderItems{{}, stage.backwards}).backwards);
    return out;
  }

  const CostTable& costs_;
  std::vector<Room> before_, inside_, after_;
  StageItems items_;
  StagePacking packing_;
  std::size_t forwards_ = 0, backwards_ = 0;
};

}  // namespace

Packing pack_greedily(const CostTable& costs, const LlmTimeline& timeline,
                      const std::vector<std::vector<EncoderItems>>& items) {
  std::vector<GreedyPipeline> pipelines;
  for (std::size_t i = 0; i < items.size(); ++i)
    pipelines.emplace_back(costs, Rooms(timeline.rooms).subspan(i * items[i].size(), items[i].size()), items[i]);
  const auto shifts_less = [](const GreedyPipeline& a, const GreedyPipeline& b) { return a.begin() > b.begin(); };
  const auto ends_sooner = [](const GreedyPipeline& a, const GreedyPipeline& b) { return a.end() < b.end(); };
  for (bool moved = true; moved;) {
    GreedyPipeline& critical = *std::max_element(pipelines.begin(), pipelines.end(), shifts_less);
    moved = critical.begin() < 0 && critical.move_forward();
  }
  for (bool moved = true; moved;) {
    GreedyPipeline& critical = *std::max_element(pipelines.begin(), pipelines.end(), ends_sooner);
    moved = critical.end() > timeline.span && critical.move_backward();
  }
  Packing out;
  for (const GreedyPipeline& pipeline : pipelines)
    out.insert(out.end(), pipeline.packing().begin(), pipeline.packing().end());
  return out;
}

}  // namespace bigmac
