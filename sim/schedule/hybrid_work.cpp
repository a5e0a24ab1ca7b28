#include "hybrid_work.h"

#include <algorithm>
#include <bit>

namespace bigmac::hybrid {
namespace {

constexpr std::uint32_t kForwardParts = 16, kBackwardParts = 32, kGeneratorParts = 16;

// Several modules share the slices of one.
std::uint32_t parts_each(std::uint32_t parts, std::size_t segments) {
  return std::max(4u, parts / static_cast<std::uint32_t>(std::bit_ceil(std::max<std::size_t>(1, segments))));
}

}  // namespace

SideWork::SideWork(const CostTable& costs, const std::vector<MicrobatchId>& order, std::vector<Segment> segments,
                   std::uint32_t parts)
    : segments_(std::move(segments)), shift_(static_cast<std::uint32_t>(std::countr_zero(parts))) {
  for (const MicrobatchId m : order) {
    std::int64_t total = 0, transfer = 0;
    for (const Segment& segment : segments_) {
      const std::uint32_t slot = costs.slot(segment.module, segment.kind, StageId{0}, m);
      const std::int64_t cost = costs.duration[slot].value;
      costs_.push_back(cost);
      total += cost;
      transfer = std::max(transfer, costs.transfer[slot].value);
      largest_slice_ = std::max(largest_slice_, (cost + parts - 1) >> shift_);
    }
    totals_.push_back(total);
    transfers_.push_back(transfer);
    sum_ += total;
  }
}

std::int64_t SideWork::rest(std::uint32_t position, std::uint32_t k) const {
  const std::uint32_t segment = k >> shift_, part = k - (segment << shift_);
  const std::int64_t* cost = costs_.data() + position * segments_.size();
  std::int64_t done = (cost[segment] * part) >> shift_;
  for (std::uint32_t before = 0; before < segment; ++before) done += cost[before];
  return totals_[position] - done;
}

void SideWork::swap(std::uint32_t p, std::uint32_t q) {
  if (empty()) return;
  std::swap(totals_[p], totals_[q]);
  std::swap(transfers_[p], transfers_[q]);
  const std::size_t width = segments_.size();
  for (std::size_t s = 0; s < width; ++s) std::swap(costs_[p * width + s], costs_[q * width + s]);
}

Sides side_work(const Pipeline& pipeline, const CostTable& costs, const std::vector<MicrobatchId>& order) {
  std::vector<Segment> forward, backward, generator;
  for (const ModuleId module : pipeline.encoders) {
    forward.push_back({module, OpKind::forward});
    if (pipeline.modules[module].backward) backward.push_back({module, OpKind::backward});
  }
  for (const ModuleId module : pipeline.generators) generator.push_back({module, OpKind::forward});
  for (const ModuleId module : pipeline.generators) generator.push_back({module, OpKind::backward});
  const std::uint32_t forward_parts = parts_each(kForwardParts, forward.size());
  const std::uint32_t backward_parts = parts_each(kBackwardParts, backward.size());
  const std::uint32_t generator_parts = parts_each(kGeneratorParts, generator.size() / 2);
  return {{costs, order, std::move(forward), forward_parts},
          {costs, order, std::move(backward), backward_parts},
          {costs, order, std::move(generator), generator_parts}};
}

}  // namespace bigmac::hybrid
