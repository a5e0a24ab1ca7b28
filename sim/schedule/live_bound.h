// What limits on live activations add to the bound of a job. Private to the schedule room.
//
// Notation as in job_bound.h. k: encoder microbatches that a rank may hold; L: chunk activations of the LLM. An encoder
// activation is held from the start of its Ef to the end of its Eb, a chunk's from the start of F to the end of B.
// Frozen encoders hold nothing beyond Ef and know no k. T is the iteration of any schedule that keeps the limits.
//
//   1. Little's law. Encoder microbatch m is held at least for its own chain, Ef(m) to Eb(m) through all stages; all
//      ranks together hold k P at most:                          k P T >= sum over m of chain(m).
//      A chunk of rank r is held at least from F(s, m) through the last stage to B(s, m), and only within
//      [h_r, T - t_r]:                          L (T - h_r - t_r) >= sum over m and the rank's s of chain(s, m).
//   2. Windows. Let b_r be the least time at which a B can start on rank r: min over m of the chain that leads to B of
//      the rank's last stage, or to the first generator if that is sooner. In [0, b_r] rank r starts no B, so no Eb,
//      and no generator: nothing but Ef and F. No gradient has left stage 0 anywhere before (B(0, m) comes after B on
//      every rank), so no rank has ended an Eb. Hence
//        - rank r has started at most k encoder forwards in its window, and all ranks at most k P of them: what is
//          started is held. So encoder work there is at most X1, the k dearest Ef, and at most X, the k P dearest, on
//          all ranks together;
//        - at most k P microbatches have left the encoders (and of i that have, some rank ran i / P, so the i-th is not
//          there before c_i, the sum of the i / P cheapest, nor before the i cheapest spread over all ranks);
//        - the i-th microbatch to reach stage s does so at c_i + lag_s or later, lag_s the least way through the stages
//          before. Work released before x is at most R_r(x): of each stage the dearest F of as many as can be there;
//        - rank r has started at most L forwards: R_r is at most the sum of its L dearest F.
//      For every x in the window, what the rank does of the LLM is at most R_r(x) until x and all time after it. So it
//      does no LLM work for
//                           gap_r = max over x of x - R_r(x)
//      of its window, and fills of that with encoder work at most X1, all ranks together X:
//                           idle >= max(sum over r of max(0, gap_r - X1), sum over r of gap_r - X).
//      A schedule read backwards is a schedule of the job with forwards and backwards exchanged, and the limits hold in
//      it too: the last F on rank r ends at T - b'_r or earlier, [T - b'_r, T] holds nothing but B and Eb, and so on.
//   3. Together. Where b_r + b'_r <= T the windows of rank r do not overlap and both gaps count, else the larger one:
//                           P T >= sum of w_r + E + G + idle of both ends,
//                             T >= w_r + gap_r + gap'_r.
//      More gaps count as T grows. So from a bound T0 on, gaps that count at T0 count at T too, and give a larger
//      bound; repeated until it stays.
//
// Order-free, so weaker than what a fixed LLM order gives: with L unlimited ranks may run forwards of k P microbatches
// ahead, which fills the windows where k (P V tF + Ef) is more than b_r: at tB = 2 tF from k = 3 on, but for the h_r
// before the first F.
//
// 4 ranks, V = 1, M = 16, tF = 1, tB = 2, Ef = 1, Eb = 2, k = 3: gap_r = h_r = 1, 2, 3, 4 and X1 = 3, so one unit idle
// on rank 3; at the end twice that: T >= (240 + 3) / 4, 61. With L = 4 as well: windows end at 11, 9, 7, 5, F take 4 of
// each but the last, where the first starts at 4: gaps 7, 5, 3, 4, idle 4 + 2 + 0 + 1. At the end windows of 13, 12,
// 11, 10, gaps 5, 4, 6, 8, X1 = 6, idle 2: T >= (240 + 9) / 4, 63.
#pragma once

#include "bigmac/schedule/job_bound.h"

namespace bigmac {

/// `at_least`: a bound of the job without limits, which it raises. O(operations log operations).
std::int64_t live_bound(const Pipeline& pipeline, const CostTable& costs, const LiveLimits& limits,
                        std::int64_t at_least);

}  // namespace bigmac
