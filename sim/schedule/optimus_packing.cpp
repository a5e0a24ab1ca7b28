#include "optimus_packing.h"

#include <algorithm>

namespace bigmac {
namespace {

constexpr std::int64_t kForwardParts = 16, kBackwardParts = 32;

// Looks the same from the end of time: a packing as late as possible is one as soon as possible in the mirror.
std::vector<Interval> mirrored(const std::vector<Interval>& free) {
  std::vector<Interval> out;
  out.reserve(free.size());
  for (auto it = free.rbegin(); it != free.rend(); ++it) out.push_back({-it->end, -it->start});
  return out;
}

class Packer {
 public:
  explicit Packer(const std::vector<Interval>& free) : free_(free) {
    if (!free_.empty()) now_ = free_[0].start;
  }

  bool place(const EncoderItem& item, bool mirror) {
    if (!advance_to(item.release)) return false;
    if (free_[at_].end - now_ >= item.cost) return put(item, item.cost, item.op);
    const std::int64_t wanted = item.op.kind == OpKind::forward ? kForwardParts : kBackwardParts;
    const std::int64_t parts = std::min(wanted, item.cost);
    for (std::int64_t k = 0; k < parts; ++k) {
      Op part = item.op;
      part.part = static_cast<std::uint16_t>(mirror ? parts - 1 - k : k);
      part.parts = static_cast<std::uint16_t>(parts);
      const std::int64_t length = part_length(item.cost, part.part, parts);
      while (free_[at_].end - now_ < length)
        if (!next_interval()) return false;
      if (!put(item, length, part)) return false;
    }
    return true;
  }
  std::vector<Slice> slices;

 private:
  bool next_interval() {
    if (++at_ >= free_.size()) return false;
    now_ = free_[at_].start;
    return true;
  }
  bool advance_to(std::int64_t release) {
    if (at_ >= free_.size()) return false;
    while (free_[at_].end <= std::max(now_, release))
      if (!next_interval()) return false;
    now_ = std::max(now_, release);
    return true;
  }
  bool put(const EncoderItem& item, std::int64_t length, const Op& op) {
    slices.push_back({{now_, now_ + length}, op});
    now_ += length;
    return now_ <= item.deadline;
  }

  const std::vector<Interval>& free_;
  std::size_t at_ = 0;
  std::int64_t now_ = 0;
};

void append_items(const Pipeline& pipeline, const CostTable& costs, OpKind kind, std::uint32_t m, EncoderItem item,
                  bool far, std::vector<EncoderItem>& out) {
  for (const ModuleId module : pipeline.encoders) {
    if (kind == OpKind::backward && !pipeline.modules[module].backward) continue;
    item.op = {MicrobatchId{m}, StageId{0}, module, kind};
    const std::uint32_t slot = costs.slot(item.op);
    item.cost = std::max<std::int64_t>(1, costs.duration[slot].value);
    out.push_back(item);
    if (kind == OpKind::forward && far) out.back().deadline -= costs.transfer[slot].value;
  }
}

}  // namespace

EncoderItems encoder_items(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline,
                           const std::vector<std::uint32_t>& owned, std::uint32_t rank) {
  EncoderItems out;
  const bool far = rank != 0;
  for (const std::uint32_t m : owned) {
    const std::uint32_t gradient = costs.slot(kLlm, OpKind::backward, StageId{0}, MicrobatchId{m});
    EncoderItem forward, backward;
    forward.deadline = timeline.first_forward[m];
    backward.release = timeline.last_gradient[m] + (far ? costs.transfer[gradient].value : 0);
    append_items(pipeline, costs, OpKind::forward, m, forward, far, out.forwards);
    append_items(pipeline, costs, OpKind::backward, m, backward, far, out.backwards);
  }
  return out;
}

std::optional<std::vector<Slice>> pack_early(const std::vector<Interval>& free, const std::vector<EncoderItem>& items) {
  Packer packer(free);
  for (const EncoderItem& item : items)
    if (!packer.place(item, false)) return std::nullopt;
  return std::move(packer.slices);
}

std::optional<std::vector<Slice>> pack_late(const std::vector<Interval>& free, const std::vector<EncoderItem>& items) {
  const std::vector<Interval> reversed = mirrored(free);
  Packer packer(reversed);
  for (auto it = items.rbegin(); it != items.rend(); ++it) {
    EncoderItem item = *it;
    item.release = -it->deadline;
    item.deadline = -it->release;
    if (!packer.place(item, true)) return std::nullopt;
  }
  std::reverse(packer.slices.begin(), packer.slices.end());
  for (Slice& slice : packer.slices) slice.at = {-slice.at.end, -slice.at.start};
  return std::move(packer.slices);
}

std::vector<Interval> without(const std::vector<Interval>& free, const std::vector<Slice>& slices) {
  std::vector<Interval> out;
  out.reserve(free.size() + slices.size());
  auto slice = slices.begin();
  for (Interval interval : free) {
    for (; slice != slices.end() && slice->at.start < interval.end; ++slice) {
      if (slice->at.start > interval.start) out.push_back({interval.start, slice->at.start});
      interval.start = slice->at.end;
    }
    if (interval.start < interval.end) out.push_back(interval);
  }
  return out;
}

}  // namespace bigmac
