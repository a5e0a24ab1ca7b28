// Packing an encoder pipeline of several ranks.
#include <algorithm>
#include <map>
#include <utility>

#include "bigmac/base/error.h"
#include "optimus_packing.h"

namespace bigmac {
namespace {

/// By module and microbatch: when the first slice of an operation starts and the last one ends.
using Times = std::map<std::pair<int, std::uint32_t>, Interval>;

Times times_of(const Packed& packed) {
  Times out;
  for (const Slice& slice : packed.slices) {
    const auto [at, is_new] = out.try_emplace({slice.op.module.value, slice.op.microbatch.value}, slice.at);
    if (is_new) continue;
    at->second.start = std::min(at->second.start, slice.at.start);
    at->second.end = std::max(at->second.end, slice.at.end);
  }
  return out;
}

const Interval& of(const Times& times, const EncoderItem& item) {
  return times.at({item.op.module.value, item.op.microbatch.value});
}

// A transfer after a forward of this stage the next one starts.
void forwards_before(const CostTable& costs, const Packed& next, std::vector<EncoderItem>& items) {
  const Times times = times_of(next);
  for (EncoderItem& item : items) item.deadline = of(times, item).start - costs.transfer[costs.slot(item.op)].value;
}

// A transfer after the next stage's backward this one starts.
void backwards_after(const CostTable& costs, const Packed& next, std::vector<EncoderItem>& items) {
  const Times times = times_of(next);
  for (EncoderItem& item : items) {
    Op sender = item.op;
    ++sender.stage.value;
    item.release = of(times, item).end + costs.transfer[costs.slot(sender)].value;
  }
}

Packed must(std::optional<Packed> packed) {
  BIGMAC_CHECK(packed.has_value());
  return std::move(*packed);
}

}  // namespace

std::vector<RankPacking> pack_stages(const CostTable& costs, const std::vector<Room>& rooms,
                                     std::vector<EncoderItems> items, Preference preference) {
  const std::size_t stages = rooms.size();
  std::vector<RankPacking> out(stages);
  std::vector<Room> left = rooms;
  const auto forwards = [&] {
    for (std::size_t s = stages; s-- > 0;) {
      if (s + 1 < stages) forwards_before(costs, out[s + 1].forwards, items[s].forwards);
      out[s].forwards = must(pack_late(left[s], items[s].forwards));
      left[s] = without(left[s], out[s].forwards);
    }
  };
  const auto backwards = [&] {
    for (std::size_t s = stages; s-- > 0;) {
      if (s + 1 < stages) backwards_after(costs, out[s + 1].backwards, items[s].backwards);
      out[s].backwards = must(pack_early(left[s], items[s].backwards));
      left[s] = without(left[s], out[s].backwards);
    }
  };
  if (preference == Preference::forwards) forwards(), backwards();
  else backwards(), forwards();
  return out;
}

}  // namespace bigmac
