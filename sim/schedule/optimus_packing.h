// Minimal-shift packing: encoder work into a rank's bubbles, slice after slice. Private to the schedule room.
//
// On a rank the encoder forwards run in microbatch order and so do the backwards. Idea: walk the forwards from the last
// to the first and give each the latest free time before its F_i; what starts before 0 is how far the whole LLM must
// shift for this rank, and no packing of that order with such slices needs less (filling from the right keeps the
// most room to the left). Backwards mirror it: each as soon as B_i and the free time allow. An operation that fits into
// one bubble where its turn comes stays whole; others are cut into equal parts (16 forward, 32 backward), each inside
// one bubble.
//
// Where LLM operations have tensor-parallel waits (rides.h), an operation may also go kernel by kernel through bubbles
// and waits as they come, if it is through sooner that way. If only some of its kernels ride, its first and its last
// kernel do not, since its listed parts have to stand around its rides; they then cost the LLM their own length.
//
// Forwards as late and backwards as soon as they can also hold the fewest microbatches: those in flight, plus what the
// bubbles leave outside the LLM's window. But late forwards take bubbles that backwards could use while earlier
// ones stay empty; pack_forwards_early gives those back at the same shift.
#pragma once

#include <span>
#include <string>

#include "bigmac/schedule/schedule.h"
#include "optimus_bubbles.h"

namespace bigmac {

/// One encoder operation to place.
struct EncoderItem {
  Op op;
  std::int64_t cost = 0;
  std::int64_t release = kLongAgo;  ///< starts no sooner
  std::int64_t deadline = kFarAhead;
};

/// A rank's encoder operations in microbatch order; `forwards` holds a microbatch's encoders together.
struct EncoderItems {
  std::vector<EncoderItem> forwards, backwards;
};

/// An operation, or a part of one, with its planned time.
struct Slice {
  Interval at;
  Op op;
};

/// Kernels in the waits of one LLM operation.
struct PlannedRide {
  std::uint32_t host = 0;  ///< index among the rank's LLM operations
  std::uint32_t waits = 0;
  Ride ride;
};

/// Slices ascending in time. One of no length marks the begin or the end of rides: it lies where an LLM operation
/// starts or ends, not in a bubble.
struct Packed {
  std::vector<Slice> slices;
  std::vector<PlannedRide> rides;
};

/// A rank's forwards and backwards.
struct RankPacking {
  Packed forwards, backwards;

  std::int64_t begin() const { return forwards.slices.empty() ? 0 : forwards.slices.front().at.start; }
  std::int64_t end() const { return backwards.slices.empty() ? 0 : backwards.slices.back().at.end; }
};

/// [rank]; while encoder pipelines are packed, by stage within each, as rooms are.
using Packing = std::vector<RankPacking>;

/// By stage, what an encoder pipeline that owns these microbatches (ascending) has to place beside `timeline`; `first`
/// is the first of its ranks. Limits are those of the last stage; transfers between it and rank 0 are taken off.
std::vector<EncoderItems> encoder_items(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline,
                                        const std::vector<std::uint32_t>& owned, std::uint32_t first);

/// Packs in order, each as soon as it can; nothing when the room ends or a deadline is missed.
std::optional<Packed> pack_early(const Room& room, const std::vector<EncoderItem>& items);
/// Packs so that each is as late as its deadline and its followers allow.
std::optional<Packed> pack_late(const Room& room, const std::vector<EncoderItem>& items);
/// What is left of the room.
Room without(const Room& room, const Packed& packed);

// An encoder pipeline: its rooms and items by stage, mostly of one. Late forwards are packed from the last stage to the
// first, where a stage's forward starts being the deadline of the one before it; backwards likewise, where a stage's
// backward ends being that one's release.
using Rooms = std::span<const Room>;
using StageItems = std::span<const EncoderItems>;
using StagePacking = std::vector<RankPacking>;

/// Each room's first bubble is to have no begin.
std::vector<Packed> forwards_late(const CostTable& costs, Rooms rooms, StageItems items);
/// Each as soon as it can; nothing when the room ends or a deadline of the last stage is missed.
std::optional<std::vector<Packed>> forwards_early(const CostTable& costs, Rooms rooms, StageItems items);
std::optional<std::vector<Packed>> backwards_early(const CostTable& costs, Rooms rooms, StageItems items);

/// Which of the two gets the bubbles first.
enum class Preference { forwards, backwards };
StagePacking pack_stages(const CostTable& costs, Rooms rooms, StageItems items, Preference preference);
/// All forwards before the ranks' LLM operations, all backwards after them.
StagePacking pack_coarse(const CostTable& costs, Rooms rooms, StageItems items);
/// The forwards again, each as soon as it can from -shift on, but no sooner than `lead` before its deadline: leaves
/// later bubbles to the backwards, and holds more microbatches the longer the lead.
StagePacking pack_forwards_early(const CostTable& costs, Rooms rooms, StageItems items, std::int64_t shift,
                                 std::int64_t lead);

/// How far the LLM starts after the first encoder forward, and the step's planned length.
std::int64_t shift_of(const Packing& packing);
std::int64_t planned_span(const LlmTimeline& timeline, const Packing& packing);

/// [rank], of one that is by stage.
Packing by_rank(const Packing& packing, std::uint32_t stages, std::uint32_t turned);
/// LLM operations and slices merged by planned start.
RankOrders merge_packing(const LlmTimeline& timeline, const Packing& packing);
/// All rides, rank after rank, in the order of their hosts.
std::vector<Ride> rides_of(const Packing& packing);

}  // namespace bigmac
