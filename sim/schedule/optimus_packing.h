// Minimal-shift packing: encoder work into a rank's bubbles, slice after slice. Private to the schedule room.
//
// On a rank the encoder forwards run in microbatch order and so do the backwards. Idea: walk the forwards from the last
// to the first and give each the latest free time before its F_i; what starts before 0 is how far the whole LLM must
// shift for this rank, and no packing of that order with such slices needs less (filling from the right keeps the
// most room to the left). Backwards mirror it: each as soon as B_i and the free time allow. An operation that fits into
// one bubble where its turn comes stays whole; others are cut into equal parts (16 forward, 32 backward), each inside
// one bubble.
//
// Forwards as late and backwards as soon as they can also hold the fewest microbatches: those in flight, plus what the
// bubbles leave outside the LLM's window. But late forwards take bubbles that backwards could use while earlier
// ones stay empty; pack_forwards_early gives those back at the same shift.
#pragma once

#include <string>

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

/// A rank's slices in time, forwards and backwards.
struct RankPacking {
  std::vector<Slice> forwards, backwards;

  std::int64_t begin() const { return forwards.empty() ? 0 : forwards.front().at.start; }
  std::int64_t end() const { return backwards.empty() ? 0 : backwards.back().at.end; }
};

/// [rank].
using Packing = std::vector<RankPacking>;

/// What a rank that owns these microbatches (ascending) has to place beside `timeline`; transfers between it and rank 0
/// are taken off.
EncoderItems encoder_items(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline,
                           const std::vector<std::uint32_t>& owned, std::uint32_t rank);

/// Packs in order, each as soon as it can; nothing when the free time ends or a deadline is missed.
std::optional<std::vector<Slice>> pack_early(const std::vector<Interval>& free, const std::vector<EncoderItem>& items);
/// Packs so that each is as late as its deadline and its followers allow; the slices come in ascending time.
std::optional<std::vector<Slice>> pack_late(const std::vector<Interval>& free, const std::vector<EncoderItem>& items);
/// `free` less the slices, which lie inside it in ascending order.
std::vector<Interval> without(const std::vector<Interval>& free, const std::vector<Slice>& slices);

/// Which of the two gets the bubbles first.
enum class Preference { forwards, backwards };
RankPacking pack_rank(const std::vector<Interval>& bubbles, const EncoderItems& items, Preference preference);
/// All forwards before the rank's LLM operations, all backwards after them.
RankPacking pack_coarse(const std::vector<Interval>& bubbles, const EncoderItems& items);
/// The forwards again, each as soon as it can from -shift on, but no sooner than `lead` before its deadline: leaves
/// later bubbles to the backwards, and holds more microbatches the longer the lead.
RankPacking pack_forwards_early(const std::vector<Interval>& bubbles, const EncoderItems& items, std::int64_t shift,
                                std::int64_t lead);

/// How far the LLM starts after the first encoder forward, and the step's planned length.
std::int64_t shift_of(const Packing& packing);
std::int64_t planned_span(const LlmTimeline& timeline, const Packing& packing);

/// LLM operations and slices merged by planned start.
RankOrders merge_packing(const LlmTimeline& timeline, const Packing& packing);

}  // namespace bigmac
