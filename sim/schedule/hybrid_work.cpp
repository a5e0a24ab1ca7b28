#include "hybrid_work.h"

#include <algorithm>
#include <bit>

namespace bigmac::hybrid {
namespace {

constexpr std::uint32_t kForwardParts = 16, kBackwardParts = 32, kGeneratorParts = 16;

// Several modules, and the stages of one, share the slices of one.
std::uint32_t parts_each(std::uint32_t parts, std::size_t segments) {
  return std::max(4u, parts / static_cast<std::uint32_t>(std::bit_ceil(std::max<std::size_t>(1, segments))));
}

}  // namespace

SideWork::SideWork(const CostTable& costs, const std::vector<MicrobatchId>& order, std::vector<Segment> segments,
                   std::uint32_t parts, Stages stages)
    : segments_(std::move(segments)), shift_(static_cast<std::uint32_t>(std::countr_zero(parts))), stages_(stages) {
  for (const MicrobatchId m : order)
    for (std::uint32_t stage = 0; stage < stages.count; ++stage) add_piece(costs, m, stage);
  behind_.assign(totals_.size(), 0);
  for (std::uint32_t first = 0; first < totals_.size(); first += stages.count)
    for (std::uint32_t step = 1; step < stages.count; ++step) {
      const std::uint32_t piece = first + (stages.downwards ? step : stages.count - 1 - step);
      const std::uint32_t next = stages.downwards ? piece - 1 : piece + 1;
      behind_[piece] = transfers_[piece] + totals_[next] + behind_[next];
    }
}

void SideWork::add_piece(const CostTable& costs, MicrobatchId microbatch, std::uint32_t stage) {
  std::int64_t total = 0, transfer = 0;
  for (const Segment& segment : segments_) {
    const StageId id{static_cast<std::uint16_t>(stage)};
    const std::uint32_t slot = costs.slot(segment.module, segment.kind, id, microbatch);
    const std::int64_t cost = costs.duration[slot].value;
    costs_.push_back(cost);
    total += cost;
    transfer = std::max(transfer, costs.transfer[slot].value);
    largest_slice_ = std::max(largest_slice_, (cost + parts() - 1) >> shift_);
  }
  totals_.push_back(total);
  transfers_.push_back(transfer);
  sum_ += total;
}

std::int64_t SideWork::position_total(std::uint32_t position) const {
  std::int64_t sum = 0;
  for (std::uint32_t stage = 0; stage < stages_.count; ++stage) sum += totals_[position * stages_.count + stage];
  return sum;
}

std::int64_t SideWork::rest(std::uint32_t piece, std::uint32_t k) const {
  const std::uint32_t segment = k >> shift_, part = k - (segment << shift_);
  const std::int64_t* cost = costs_.data() + piece * segments_.size();
  std::int64_t done = (cost[segment] * part) >> shift_;
  for (std::uint32_t before = 0; before < segment; ++before) done += cost[before];
  return totals_[piece] - done;
}

void SideWork::swap(std::uint32_t p, std::uint32_t q) {
  if (empty()) return;
  const auto exchange = [&](std::vector<std::int64_t>& values, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) std::swap(values[p * width + i], values[q * width + i]);
  };
  for (std::vector<std::int64_t>* values : {&totals_, &transfers_, &behind_}) exchange(*values, stages_.count);
  exchange(costs_, stages_.count * segments_.size());
}

Sides side_work(const Pipeline& pipeline, const CostTable& costs, const std::vector<MicrobatchId>& order) {
  std::vector<Segment> forward, backward, generator;
  for (const ModuleId module : pipeline.encoders) {
    forward.push_back({module, OpKind::forward});
    if (pipeline.modules[module].backward) backward.push_back({module, OpKind::backward});
  }
  for (const ModuleId module : pipeline.generators) generator.push_back({module, OpKind::forward});
  for (const ModuleId module : pipeline.generators) generator.push_back({module, OpKind::backward});
  const std::uint32_t stages = pipeline.encoder_stages();
  const std::uint32_t forward_parts = parts_each(kForwardParts, forward.size() * stages);
  const std::uint32_t backward_parts = parts_each(kBackwardParts, backward.size() * stages);
  const std::uint32_t generator_parts = parts_each(kGeneratorParts, generator.size() / 2);
  return {{costs, order, std::move(forward), forward_parts, {stages, false}},
          {costs, order, std::move(backward), backward_parts, {stages, true}},
          {costs, order, std::move(generator), generator_parts}};
}

}  // namespace bigmac::hybrid
