// Whole-rank packings, and orders made of them.
#include <algorithm>

#include "bigmac/base/error.h"
#include "optimus_packing.h"

namespace bigmac {
namespace {

// The unbounded first and last bubbles make these packings possible whatever the costs.
std::vector<Slice> must(std::optional<std::vector<Slice>> slices) {
  BIGMAC_CHECK(slices.has_value());
  return std::move(*slices);
}

}  // namespace

RankPacking pack_rank(const std::vector<Interval>& bubbles, const EncoderItems& items, Preference preference) {
  RankPacking out;
  if (preference == Preference::forwards) {
    out.forwards = must(pack_late(bubbles, items.forwards));
    out.backwards = must(pack_early(without(bubbles, out.forwards), items.backwards));
  } else {
    out.backwards = must(pack_early(bubbles, items.backwards));
    out.forwards = must(pack_late(without(bubbles, out.backwards), items.forwards));
  }
  return out;
}

RankPacking pack_coarse(const std::vector<Interval>& bubbles, const EncoderItems& items) {
  return {must(pack_late({bubbles.front()}, items.forwards)), must(pack_early({bubbles.back()}, items.backwards))};
}

RankPacking pack_forwards_early(const std::vector<Interval>& bubbles, const EncoderItems& items, std::int64_t shift,
                                std::int64_t lead) {
  std::vector<Interval> free = bubbles;
  free.front().start = -shift;
  std::vector<EncoderItem> leading = items.forwards;
  for (EncoderItem& item : leading) item.release = std::max(item.release, item.deadline - lead);
  // Slices that fit late need not fit early to the last nanosecond; late is what is left then.
  auto early = pack_early(free, leading);
  RankPacking out;
  out.forwards = early ? std::move(*early) : must(pack_late(bubbles, items.forwards));
  out.backwards = must(pack_early(without(bubbles, out.forwards), items.backwards));
  return out;
}

std::int64_t shift_of(const Packing& packing) {
  std::int64_t shift = 0;
  for (const RankPacking& rank : packing) shift = std::max(shift, -rank.begin());
  return shift;
}

std::int64_t planned_span(const LlmTimeline& timeline, const Packing& packing) {
  std::int64_t end = timeline.span;
  for (const RankPacking& rank : packing) end = std::max(end, rank.end());
  return shift_of(packing) + end;
}

RankOrders merge_packing(const LlmTimeline& timeline, const Packing& packing) {
  RankOrders out(packing.size());
  for (std::size_t rank = 0; rank < packing.size(); ++rank) {
    const RankPacking& own = packing[rank];
    std::vector<Slice> slices(own.forwards.size() + own.backwards.size());
    const auto sooner = [](const Slice& a, const Slice& b) { return a.at.start < b.at.start; };
    std::merge(own.forwards.begin(), own.forwards.end(), own.backwards.begin(), own.backwards.end(), slices.begin(),
               sooner);
    const std::vector<Op>& llm = timeline.ops[rank];
    out[rank].reserve(llm.size() + slices.size());
    std::size_t next = 0;
    for (const Slice& slice : slices) {
      while (next < llm.size() && timeline.starts[rank][next] < slice.at.start) out[rank].push_back(llm[next++]);
      out[rank].push_back(slice.op);
    }
    out[rank].insert(out[rank].end(), llm.begin() + static_cast<std::ptrdiff_t>(next), llm.end());
  }
  return out;
}

}  // namespace bigmac
