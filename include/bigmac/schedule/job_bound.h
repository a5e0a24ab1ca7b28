// How fast could any schedule of this job be?
//
// engine/lower_bound.h bounds every order of one placement. This one holds for every placement of encoders and
// generators as well, every order and every permutation of microbatches; fixed are only the LLM's stages (stage s on
// rank s mod P), whole backwards (a schedule that splits B into I and W may end sooner) and, where an encoder has S
// stages, that each rank runs one of them or one rank runs all.
//
// Notation: w_r the LLM's work on rank r; E, G all encoder and generator work; h_r the least time before an LLM
// operation can start on rank r, min over m of Ef(m) + F(0..r-1, m) + transfers; t_r the least time after one has
// ended, min over m of B(r-1..0, m) + Eb(m) + transfers. Several encoders of one microbatch may run at once, so Ef(m)
// is the dearest of them. T is the iteration time.
//
//   1. Chain. Every operation of microbatch m on rank r comes after F(r, m) or is it, and before B(r, m) or is it. So
//      rank r does all its LLM work within [h_r, T - t_r]:      T >= h_r + w_r + t_r.
//      And no microbatch is faster than its own longest chain.
//   2. Work. Outside that window rank r can do encoder work alone, inside only what the LLM leaves. With A = sum of
//      (h_r + t_r), at most min(E, A) of the encoder work lies outside:
//                                                               P T >= sum of w_r + G + max(E, A).
//      Encoder kernels may also run inside LLM operations, in tensor-parallel waits (rides.h): E is then what cannot.
//   3. Waterfill. Generator work of m lies after F(last, m) and before B(last, m): within [H, T - U], H the least end
//      of a last forward, U the least time from the start of a last backward to the end. This lies inside rank r's
//      window, which also holds w_r. So the least T for which
//         sum over r of min(T - H - U, T - h_r - w_r - t_r)  >=  G       (negative terms count 0)
//   4. Whole pieces. Forward and backward of one encoder and microbatch run on one rank, so do a generator's, and each
//   rank
//      has its LLM work besides: T >= least w_r + how full the fullest of P bins must be (packing_bound.h).
//   5. Stages. P/S ranks run stage s of an encoder. What such a rank runs first, an operation of that stage or of the
//      LLM, comes after the stages before s of some microbatch: x_s, the least Ef(0..s-1, m); and what it runs last
//      before their backwards, y_s. With W the least LLM work of any P/S ranks together
//         P/S T >= W + sum over m of (Ef(s, m) + Eb(s, m)) + P/S (x_s + y_s)
//      A rank that runs all stages does as much more, and the LLM of all others waits for whole encoders.
//
// 4 ranks, V = 1, M = 16, tF = 1, tB = 2, Ef = 1, Eb = 2, no transfers: rank 3: h = 1 + 3, w = 48, t = 6 + 2: 60. Work:
// (4 * 48 + 48) / 4 = 60. Hybrid with at most 4 live encoder microbatches takes 60.
#pragma once

#include <optional>

#include "bigmac/cost/cost_table.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

/// What a rank may hold at once, as `hybrid` is told; absent: as much as it likes.
struct LiveLimits {
  std::optional<std::uint32_t> encoder;  ///< microbatches of each encoder, from the start of Ef to the end of Eb
  std::optional<std::uint32_t> llm;      ///< chunk activations of the LLM, from the start of F to the end of B

  bool any() const { return encoder || llm; }
};

/// For every schedule within the limits: how these raise the bound is said in sim/schedule/live_bound.h.
/// O(stages x microbatches + microbatches log microbatches); with limits, operations log operations.
Nanoseconds job_lower_bound(const Pipeline& pipeline, const CostTable& costs, const LiveLimits& limits = {});

/// The least limits that the schedule keeps.
LiveLimits most_held(const Pipeline& pipeline, const Schedule& schedule);

/// The limits that the schedule's parameters state (those of `hybrid`), as far as it keeps them; none where a backward
/// is split or a stage is elsewhere, so that job_lower_bound() does not hold.
LiveLimits kept_limits(const Pipeline& pipeline, const Schedule& schedule);

}  // namespace bigmac
