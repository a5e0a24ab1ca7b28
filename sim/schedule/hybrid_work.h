// Encoder and generator work of each position, cut into slices. Private to the schedule room.
//
// A piece is what one rank does of a position: all of it, or where encoders are cut into S stages one stage, piece
// position * S + stage. The stages of a position follow one another, up in forwards and down in backwards.
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

/// The stages that a position's work is cut into, in the order in which they run.
struct Stages {
  std::uint32_t count = 1;
  bool downwards = false;  ///< from the last to the first
};

class SideWork {
 public:
  SideWork() = default;
  /// `parts` per segment, a power of two.
  SideWork(const CostTable& costs, const std::vector<MicrobatchId>& order, std::vector<Segment> segments,
           std::uint32_t parts, Stages stages = {});

  bool empty() const { return segments_.empty(); }
  std::uint32_t slices() const { return static_cast<std::uint32_t>(segments_.size()) << shift_; }
  std::uint32_t parts() const { return 1u << shift_; }
  const std::vector<Segment>& segments() const { return segments_; }
  std::uint32_t stages() const { return stages_.count; }
  std::uint32_t position_of(std::uint32_t piece) const { return stages_.count == 1 ? piece : piece / stages_.count; }
  std::int64_t total(std::uint32_t piece) const { return totals_[piece]; }
  std::int64_t transfer(std::uint32_t piece) const { return transfers_[piece]; }
  /// From the end of a piece to that of its position's last: 0 with one stage.
  std::int64_t behind(std::uint32_t piece) const { return behind_[piece]; }
  /// Of all stages.
  std::int64_t position_total(std::uint32_t position) const;
  std::int64_t largest_slice() const { return largest_slice_; }
  std::int64_t sum() const { return sum_; }
  std::int64_t mean() const { return totals_.empty() ? 0 : sum_ / static_cast<std::int64_t>(totals_.size()); }
  std::int64_t slice(std::uint32_t piece, std::uint32_t k) const {
    const std::uint32_t segment = k >> shift_;
    const std::int64_t cost = costs_[piece * segments_.size() + segment], part = k - (segment << shift_);
    return ((cost * (part + 1)) >> shift_) - ((cost * part) >> shift_);
  }
  /// From slice k to the end of the piece.
  std::int64_t rest(std::uint32_t piece, std::uint32_t k) const;
  /// Exchanges the work of two positions.
  void swap(std::uint32_t p, std::uint32_t q);

 private:
  void add_piece(const CostTable& costs, MicrobatchId microbatch, std::uint32_t stage);

  std::vector<Segment> segments_;
  std::uint32_t shift_ = 0;
  Stages stages_;
  std::vector<std::int64_t> costs_;  ///< piece x segment
  std::vector<std::int64_t> totals_, transfers_, behind_;
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
