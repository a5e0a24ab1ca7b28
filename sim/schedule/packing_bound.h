// Whole pieces of work dealt to ranks: how full must the fullest be? Private to the schedule room.
//
// In falling order the pieces are a_0 >= a_1 >= ..., P the bins, c how full the fullest is.
//   Mean.        c >= sum / P.
//   Pigeonhole.  Of the k P + 1 dearest pieces some bin has k + 1 or more: c >= a_{kP-k} + ... + a_{kP}.
//   Big ones.    (Martello and Toth 1990, "Lower bounds and reduction procedures for the bin packing problem", L2.) For
//   any
//                x <= c / 2: pieces above c - x share a bin with none of x or more, those above c / 2 each have a bin
//                of their own too, and pieces from x to c / 2 lie in what the latter leave or in bins of their own.
//                Where that takes more than P bins, no dealing is as even as c. The least c that no x refutes is found
//                by bisection; each refuted c is a proof by itself.
//   All dealings. (Branch and bound, as in Horowitz and Sahni 1976.) Where pieces are few: dearest first, each into
//                every bin in turn that differs from those tried and has room; a branch ends once bins that nothing
//                left fits into have more room than c leaves in all. Again by bisection, to 1/8192, as far as a given
//                number of steps refutes.
//
// 2 bins, pieces 66 18 13 10 10 8 8 7: the mean is 70. At c = 72 and x = 7 the 66 has a bin of its own, and 74 are left
// for one: refuted. 66 + 7 and 67 is the best there is, 73: which all dealings show.
#pragma once

#include <cstdint>
#include <vector>

namespace bigmac {

/// No dealing of `pieces` (none negative) to `bins` leaves the fullest below this. O(n log n), times 64 up to a few
/// thousand pieces, beyond which only mean and pigeonhole are looked at; all dealings of up to 24 pieces, within a
/// millisecond or two.
std::int64_t least_fullest(std::vector<std::int64_t> pieces, std::uint32_t bins);

}  // namespace bigmac
