// Packing an encoder pipeline, of one rank or several.
#include <algorithm>
#include <map>
#include <utility>

#include "bigmac/base/error.h"
#include "optimus_packing.h"

namespace bigmac {
namespace {

// The unbounded first and last bubbles make these packings possible whatever the costs.
template <class Any>
Any must(std::optional<Any> packed) {
  BIGMAC_CHECK(packed.has_value());
  return std::move(*packed);
}

/// By module and microbatch: when the first slice of an operation starts and the last one ends.
class Times {
 public:
  explicit Times(const Packed& packed) {
    for (const Slice& slice : packed.slices) {
      const auto [at, is_new] = times_.try_emplace({slice.op.module.value, slice.op.microbatch.value}, slice.at);
      if (is_new) continue;
      at->second.start = std::min(at->second.start, slice.at.start);
      at->second.end = std::max(at->second.end, slice.at.end);
    }
  }
  const Interval& of(const EncoderItem& item) const {
    return times_.at({item.op.module.value, item.op.microbatch.value});
  }

 private:
  std::map<std::pair<int, std::uint32_t>, Interval> times_;
};

std::int64_t sent_by(const CostTable& costs, Op op, int stage) {
  op.stage.value = static_cast<std::uint16_t>(op.stage.value + stage);
  return costs.transfer[costs.slot(op)].value;
}

/// A transfer after a forward of this stage the next one starts.
std::vector<EncoderItem> due_before(const CostTable& costs, const Packed& next, std::vector<EncoderItem> items) {
  const Times times(next);
  for (EncoderItem& item : items) item.deadline = times.of(item).start - sent_by(costs, item.op, 0);
  return items;
}

/// A transfer after its input's end, on the stage before (a backward: after), each of these may start.
std::vector<EncoderItem> released_by(const CostTable& costs, const Packed& input, std::vector<EncoderItem> items) {
  const Times times(input);
  for (EncoderItem& item : items)
    item.release = times.of(item).end + sent_by(costs, item.op, item.op.kind == OpKind::forward ? -1 : 1);
  return items;
}

std::vector<Room> without(Rooms rooms, const std::vector<Packed>& packed) {
  std::vector<Room> out;
  for (std::size_t s = 0; s < rooms.size(); ++s) out.push_back(bigmac::without(rooms[s], packed[s]));
  return out;
}

StagePacking together(std::vector<Packed> forwards, std::vector<Packed> backwards) {
  StagePacking out;
  for (std::size_t s = 0; s < forwards.size(); ++s) out.push_back({std::move(forwards[s]), std::move(backwards[s])});
  return out;
}

}  // namespace

std::vector<Packed> forwards_late(const CostTable& costs, Rooms rooms, StageItems items) {
  std::vector<Packed> out(rooms.size());
  for (std::size_t s = rooms.size(); s-- > 0;)
    out[s] = must(s + 1 < rooms.size() ? pack_late(rooms[s], due_before(costs, out[s + 1], items[s].forwards))
                                       : pack_late(rooms[s], items[s].forwards));
  return out;
}

std::optional<std::vector<Packed>> backwards_early(const CostTable& costs, Rooms rooms, StageItems items) {
  std::vector<Packed> out(rooms.size());
  for (std::size_t s = rooms.size(); s-- > 0;) {
    auto packed = s + 1 < rooms.size() ? pack_early(rooms[s], released_by(costs, out[s + 1], items[s].backwards))
                                       : pack_early(rooms[s], items[s].backwards);
    if (!packed) return std::nullopt;
    out[s] = std::move(*packed);
  }
  return out;
}

StagePacking pack_stages(const CostTable& costs, Rooms rooms, StageItems items, Preference preference) {
  if (preference == Preference::forwards) {
    std::vector<Packed> forwards = forwards_late(costs, rooms, items);
    std::vector<Packed> backwards = must(backwards_early(costs, without(rooms, forwards), items));
    return together(std::move(forwards), std::move(backwards));
  }
  std::vector<Packed> backwards = must(backwards_early(costs, rooms, items));
  std::vector<Packed> forwards = forwards_late(costs, without(rooms, backwards), items);
  return together(std::move(forwards), std::move(backwards));
}

StagePacking pack_coarse(const CostTable& costs, Rooms rooms, StageItems items) {
  std::vector<Room> front, back;
  for (const Room& room : rooms) {
    front.push_back({{room.bubbles.front()}, {}, room.costs});
    back.push_back({{room.bubbles.back()}, {}, room.costs});
  }
  return together(forwards_late(costs, front, items), must(backwards_early(costs, back, items)));
}

StagePacking pack_forwards_early(const CostTable& costs, Rooms rooms, StageItems items, std::int64_t shift,
                                 std::int64_t lead) {
  const bool single = rooms.size() == 1;
  // With several stages, what each stage's deadlines are.
  const std::vector<Packed> late = single ? std::vector<Packed>(1) : forwards_late(costs, rooms, items);
  std::vector<Packed> out;
  for (std::size_t s = 0; s < rooms.size(); ++s) {
    std::vector<EncoderItem> leading = s > 0 ? released_by(costs, out[s - 1], items[s].forwards) : items[s].forwards;
    if (s + 1 < rooms.size()) leading = due_before(costs, late[s + 1], std::move(leading));
    for (EncoderItem& item : leading) item.release = std::max(item.release, item.deadline - lead);
    Room free = rooms[s];
    free.bubbles.front().start = -shift;
    // Slices that fit late need not fit early to the last nanosecond; late is what is left then.
    auto early = pack_early(free, leading);
    out.push_back(early ? std::move(*early) : single ? must(pack_late(rooms[s], items[s].forwards)) : late[s]);
  }
  std::vector<Packed> backwards = must(backwards_early(costs, without(rooms, out), items));
  return together(std::move(out), std::move(backwards));
}

std::optional<std::vector<Packed>> forwards_early(const CostTable& costs, Rooms rooms, StageItems items) {
  std::vector<Packed> out;
  for (std::size_t s = 0; s < rooms.size(); ++s) {
    std::vector<EncoderItem> own = s > 0 ? released_by(costs, out[s - 1], items[s].forwards) : items[s].forwards;
    if (s + 1 < rooms.size())
      for (EncoderItem& item : own) item.deadline = kFarAhead;  // only the last stage's are known
    auto packed = pack_early(rooms[s], own);
    if (!packed) return std::nullopt;
    out.push_back(std::move(*packed));
  }
  return out;
}

}  // namespace bigmac
