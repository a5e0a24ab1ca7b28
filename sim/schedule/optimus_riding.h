// One encoder operation, kernel by kernel, through bubbles and tensor-parallel waits. Private to the schedule room.
//
// In time order; at each place as many kernels as fit. Listed parts must stand around the rides (schedule/rides.h): an
// operation that rides as a whole gets two parts of no length; if some of its kernels are listed, the first and the
// last must be, and one that would ride is set beside its host instead.
#pragma once

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
};

/// Nothing where no kernel can ride, or not all find a place by the deadline. `mirror`: times run backwards, and so do
/// parts. `hosts`: with the waits that are left.
std::optional<Placed> place_riding(const Room& room, const std::vector<Host>& hosts, Cursor at, const EncoderItem& item,
                                   bool mirror);

}  // namespace bigmac
