// One encoder operation, kernel by kernel, through bubbles and tensor-parallel waits. Private to the schedule room.
//
// In time order; at each place as many kernels as fit. Listed parts must stand around the rides (schedule/rides.h): an
// operation that rides as a whole gets two parts of no length; if some of its kernels are listed, the first and the
// last must be, and one that would ride is set beside its host instead.
#pragma once

#include <array>

#include "optimus_packing.h"

namespace bigmac {

/// How far a rank's room is used. Times may be mirrored ones.
struct Cursor {
  std::size_t bubble = 0;
  std::int64_t now = 0;  ///< within the bubble
};

/// What became of one item.
struct Placed {
  Cursor next;
  std::int64_t end = 0;
  Packed packed;
  std::vector<std::size_t> hosts = {};  ///< by ride
};

/// A rank's hosts with the waits that are left, in the order of their times.
class Hosts {
 public:
  explicit Hosts(const Room& room);

  bool empty() const { return hosts_.empty(); }
  std::size_t size() const { return hosts_.size(); }
  const Host& operator[](std::size_t i) const { return hosts_[i]; }
  /// The first that starts at `time` or later; size() where none does.
  std::size_t first_from(std::int64_t time) const;
  /// `i`, or the first after it that has waits left; size() where none has.
  std::size_t with_waits(std::size_t i) const;
  /// Kernels of `guest` in one wait of `host`, between its blocks or at its ends. Costs repeat, so the last answers are
  /// remembered.
  std::int64_t fit(const Host& host, const Op& guest, bool at_ends) const;
  /// The one that carries a ride.
  std::size_t carrier(const PlannedRide& ride) const;
  void take(std::size_t host, const PlannedRide& ride);
  std::vector<Host> left() && { return std::move(hosts_); }

 private:
  struct Fit {
    std::uint32_t host = UINT32_MAX, guest = UINT32_MAX, between = 0, at_ends = 0;
  };

  const CostTable* costs_;
  std::vector<Host> hosts_;
  mutable std::vector<std::uint32_t> next_;  ///< of one with waits left itself, else one further on, or size()
  mutable std::array<Fit, 64> fits_;         ///< by a hash of both costs
};

/// Nothing where no kernel can ride, or not all find a place by the deadline. `mirror`: times run backwards, and so do
/// parts.
std::optional<Placed> place_riding(const Room& room, const Hosts& hosts, Cursor at, const EncoderItem& item,
                                   bool mirror);

}  // namespace bigmac
