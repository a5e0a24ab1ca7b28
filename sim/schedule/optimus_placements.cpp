// Orders made of packings.
#include <algorithm>

#include "op_makers.h"
#include "optimus_packing.h"

namespace bigmac {
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

Packing by_rank(const Packing& packing, std::uint32_t stages, std::uint32_t turned) {
  Packing out(packing.size());
  for (std::uint32_t i = 0; i < packing.size(); ++i)
    out[i - i % stages + rank_of_stage(i % stages, stages, turned)] = packing[i];
  return out;
}

RankOrders merge_packing(const LlmTimeline& timeline, const Packing& packing) {
  RankOrders out(packing.size());
  for (std::size_t rank = 0; rank < packing.size(); ++rank) {
    const RankPacking& own = packing[rank];
    const std::vector<Slice>&forwards = own.forwards.slices, &backwards = own.backwards.slices;
    std::vector<Slice> slices(forwards.size() + backwards.size());
    const auto sooner = [](const Slice& a, const Slice& b) { return a.at.start < b.at.start; };
    std::merge(forwards.begin(), forwards.end(), backwards.begin(), backwards.end(), slices.begin(), sooner);
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

std::vector<Ride> rides_of(const Packing& packing) {
  std::vector<Ride> out;
  for (const RankPacking& rank : packing) {
    std::vector<PlannedRide> rides = rank.forwards.rides;
    rides.insert(rides.end(), rank.backwards.rides.begin(), rank.backwards.rides.end());
    std::stable_sort(rides.begin(), rides.end(), [](const auto& a, const auto& b) { return a.host < b.host; });
    for (const PlannedRide& planned : rides) out.push_back(planned.ride);
  }
  return out;
}

}  // namespace bigmac
