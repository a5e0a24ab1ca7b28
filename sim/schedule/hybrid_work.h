// Encoder and generator work of each position, cut into slices. Private to the schedule room.
//
// Several encoders of one microbatch are pooled: their forwards run one after the other as one piece of work, so do
// their backwards; a generator's forward and backward are one piece. Slice k of n parts of a cost c lasts
// floor(c(k+1)/n) - floor(ck/n), as in schedule files.
#pragma once

#include <vector>

#include "bigmac/cost/cost_table.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac::hybrid {

/// One module's pass within a piece of work.
struct Segment {
  ModuleId module;
  OpKind kind;
};

class SideWork {
 public:
  SideWork() = default;
  /// `parts` per segment, a power of two.
  SideWork(const CostTable& costs, const std::vector<MicrobatchId>& order, std::vector<Segment> segments,
           std::uint32_t parts);

  bool empty() const { return segments_.empty(); }
  std::uint32_t slices() const { return static_cast<std::uint32_t>(segments_.size()) << shift_; }
  std::uint32_t parts() const { return 1u << shift_; }
  const std::vector<Segment>& segments() const { return segments_; }
  std::int64_t total(std::uint32_t position) const { return totals_[position]; }
  std::int64_t transfer(std::uint32_t position) const { return transfers_[position]; }
  std::int64_t largest_slice() const { return largest_slice_; }
  std::int64_t sum() const { return sum_; }
  std::int64_t slice(std::uint32_t position, std::uint32_t k) const {
    const std::uint32_t segment = k >> shift_;
    const std::int64_t cost = costs_[position * segments_.size() + segment], part = k - (segment << shift_);
    return ((cost * (part + 1)) >> shift_) - ((cost * part) >> shift_);
  }
  /// From slice k to the end.
  std::int64_t rest(std::uint32_t position, std::uint32_t k) const;
  /// Exchanges the work of two positions.
  void swap(std::uint32_t p, std::uint32_t q);

 private:
  std::vector<Segment> segments_;
  std::uint32_t shift_ = 0;
  std::vector<std::int64_t> costs_;  ///< position x segment
  std::vector<std::int64_t> totals_, transfers_;
  std::int64_t largest_slice_ = 0, sum_ = 0;
};

/// What hybrid places: all of one job's encoder and generator work, by position.
struct Sides {
  SideWork forward;    ///< encoders
  SideWork backward;   ///< encoders that are not frozen
  SideWork generator;  ///< forward and backward

  void swap(std::uint32_t p, std::uint32_t q) {
    for (SideWork* work : {&forward, &backward, &generator}) work->swap(p, q);
  }
};
Sides side_work(const Pipeline& pipeline, const CostTable& costs, const std::vector<MicrobatchId>& order);

}  // namespace bigmac::hybrid
