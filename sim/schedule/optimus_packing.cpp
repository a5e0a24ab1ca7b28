#include "optimus_packing.h"

#include <algorithm>

#include "bigmac/base/error.h"
#include "op_makers.h"
#include "optimus_riding.h"

namespace bigmac {
namespace {

constexpr std::int64_t kForwardParts = 16, kBackwardParts = 32;

// Looks the same from the end of time: a packing as late as possible is one as soon as possible in the mirror.
Interval mirrored(const Interval& at) { return {-at.end, -at.start}; }

Room mirrored(const Room& room) {
  Room out{{}, room.hosts, room.costs};
  out.bubbles.reserve(room.bubbles.size());
  for (auto it = room.bubbles.rbegin(); it != room.bubbles.rend(); ++it) out.bubbles.push_back(mirrored(*it));
  std::reverse(out.hosts.begin(), out.hosts.end());
  for (Host& host : out.hosts) host.at = mirrored(host.at);
  return out;
}

/// Packs one item after the other.
class Packer {
 public:
  Packer(const Room& room, bool mirror) : room_(room), hosts_(room), mirror_(mirror) {
    if (!room_.bubbles.empty()) at_.now = room_.bubbles[0].start;
  }

  bool place(const EncoderItem& item) {
    std::optional<Placed> placed = in_bubbles(item);
    if (!hosts_.empty()) {
      auto riding = place_riding(room_, hosts_, at_, item, mirror_);
      if (riding && (!placed || riding->end < placed->end)) placed = std::move(riding);
    }
    if (!placed) return false;
    at_ = placed->next;
    std::vector<Slice>& slices = placed->packed.slices;
    out_.slices.insert(out_.slices.end(), slices.begin(), slices.end());
    const std::vector<PlannedRide>& rides = placed->packed.rides;
    for (std::size_t i = 0; i < rides.size(); ++i) hosts_.take(placed->hosts[i], rides[i]);
    out_.rides.insert(out_.rides.end(), rides.begin(), rides.end());
    return true;
  }
  Packed take() { return std::move(out_); }

 private:
  bool next_bubble(Cursor& at) const {
    if (++at.bubble >= room_.bubbles.size()) return false;
    at.now = room_.bubbles[at.bubble].start;
    return true;
  }
  bool advance_to(Cursor& at, std::int64_t release) const {
    if (at.bubble >= room_.bubbles.size()) return false;
    while (room_.bubbles[at.bubble].end <= std::max(at.now, release))
      if (!next_bubble(at)) return false;
    at.now = std::max(at.now, release);
    return true;
  }
  std::int64_t left(const Cursor& at) const { return room_.bubbles[at.bubble].end - at.now; }

  /// Whole in one bubble, or in equal parts.
  std::optional<Placed> in_bubbles(const EncoderItem& item) const {
    Placed out{at_, 0, {}, {}};
    Cursor& at = out.next;
    if (!advance_to(at, item.release)) return std::nullopt;
    const std::int64_t wanted = item.op.kind == OpKind::forward ? kForwardParts : kBackwardParts;
    const std::int64_t parts = left(at) >= item.cost ? 1 : std::min(wanted, item.cost);
    for (std::int64_t k = 0; k < parts; ++k) {
      Op part = item.op;
      part.part = static_cast<std::uint16_t>(mirror_ ? parts - 1 - k : k);
      part.parts = static_cast<std::uint16_t>(parts);
      const std::int64_t length = part_length(item.cost, part.part, parts);
      while (left(at) < length)
        if (!next_bubble(at)) return std::nullopt;
      out.packed.slices.push_back({{at.now, at.now + length}, part});
      out.end = at.now += length;
      if (at.now > item.deadline) return std::nullopt;
    }
    return out;
  }

  const Room& room_;
  Hosts hosts_;
  bool mirror_;
  Cursor at_;
  Packed out_;
};

void append_items(const Pipeline& pipeline, const CostTable& costs, OpKind kind, std::uint32_t m, std::uint32_t stage,
                  EncoderItem item, bool far, std::vector<EncoderItem>& out) {
  for (const ModuleId module : pipeline.encoders) {
    if (kind == OpKind::backward && !pipeline.modules[module].backward) continue;
    item.op = {MicrobatchId{m}, StageId{static_cast<std::uint16_t>(stage)}, module, kind};
    const std::uint32_t slot = costs.slot(item.op);
    item.cost = std::max<std::int64_t>(1, costs.duration[slot].value);
    out.push_back(item);
    if (kind == OpKind::forward && far) out.back().deadline -= costs.transfer[slot].value;
  }
}

// An operation that rides may begin before what stands before it ends.
Packed in_time_order(Packed packed) {
  const auto sooner = [](const Slice& a, const Slice& b) { return a.at.start < b.at.start; };
  if (!packed.rides.empty()) std::stable_sort(packed.slices.begin(), packed.slices.end(), sooner);
  return packed;
}

}  // namespace

std::vector<EncoderItems> encoder_items(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline,
                                        const std::vector<std::uint32_t>& owned, std::uint32_t first) {
  const std::uint32_t stages = pipeline.encoder_stages();
  std::vector<EncoderItems> out(stages);
  const bool far = first + rank_of_stage(stages - 1, stages, timeline.turned) != 0;  // the last stage from rank 0
  for (std::uint32_t stage = 0; stage < out.size(); ++stage)
    for (const std::uint32_t m : owned) {
      const std::uint32_t gradient = costs.slot(kLlm, OpKind::backward, StageId{0}, MicrobatchId{m});
      EncoderItem forward, backward;
      forward.deadline = timeline.first_forward[m];
      backward.release = timeline.last_gradient[m] + (far ? costs.transfer[gradient].value : 0);
      append_items(pipeline, costs, OpKind::forward, m, stage, forward, far, out[stage].forwards);
      append_items(pipeline, costs, OpKind::backward, m, stage, backward, far, out[stage].backwards);
    }
  return out;
}

std::optional<Packed> pack_early(const Room& room, const std::vector<EncoderItem>& items) {
  Packer packer(room, false);
  for (const EncoderItem& item : items)
    if (!packer.place(item)) return std::nullopt;
  return in_time_order(packer.take());
}

std::optional<Packed> pack_late(const Room& room, const std::vector<EncoderItem>& items) {
  const Room reversed = mirrored(room);
  Packer packer(reversed, true);
  for (auto it = items.rbegin(); it != items.rend(); ++it) {
    EncoderItem item = *it;
    item.release = -it->deadline;
    item.deadline = -it->release;
    if (!packer.place(item)) return std::nullopt;
  }
  Packed out = packer.take();
  std::reverse(out.slices.begin(), out.slices.end());
  for (Slice& slice : out.slices) slice.at = mirrored(slice.at);
  return in_time_order(std::move(out));
}

Room without(const Room& room, const Packed& packed) {
  Hosts hosts(room);
  for (const PlannedRide& ride : packed.rides) hosts.take(hosts.carrier(ride), ride);
  Room out{{}, std::move(hosts).left(), room.costs};
  out.bubbles.reserve(room.bubbles.size() + packed.slices.size());
  auto slice = packed.slices.begin();
  for (Interval interval : room.bubbles) {
    for (; slice != packed.slices.end() && slice->at.start < interval.end; ++slice) {
      if (slice->at.end <= interval.start) continue;  // of no length, outside of bubbles
      if (slice->at.start > interval.start) out.bubbles.push_back({interval.start, slice->at.start});
      interval.start = slice->at.end;
    }
    if (interval.start < interval.end) out.bubbles.push_back(interval);
  }
  return out;
}

}  // namespace bigmac
