// Hybrid (ours): the LLM pipeline's own order, idle ranks doing encoder and generator work.
//
// BigMac's columns keep the pipeline's bubbles and add none; hybrid fills them. The order of LLM operations is fixed;
// encoder forwards, encoder backwards and generators are cut into slices (parts) and run wherever that does not delay
// the LLM beyond one shared clock, the slip D. Early bubbles take forwards of later groups, late ones backwards of
// the last groups, and where nothing is idle columns appear by themselves, because everybody waits for the same D.
//
// Base (hybrid_base.h). latest(o): the latest start of LLM operation o that keeps the span of the LLM alone.
// Slip. When Ef(m) reaches stage 0 at time e: D = max(D, e - latest(F(0, m))); when Gb(m) reaches the last stage:
//   D = max(D, e - latest(B(last, m))). D(t): the same, with the first unfinished encoder and generator as if they
//   arrived at t. D never shrinks, and D(t) never exceeds what D comes to be.
// Rules (hybrid_fill.cpp). Rank r is free at t, o its next LLM operation, x a slice it could run: of the encoder
//   forward it has begun; else, while it holds fewer than the limit, of its next one; else of its oldest encoder
//   backward; or of its oldest generator. sigma = 2 x the longest slice.
//   1. o not ready: run x if t + |x| <= latest(o) + D(t) + sigma. Else, in the mode "LLM ahead", run the next LLM
//      operation y of the other kind (forwards and the rest each keep their order) if it is ready, t + |y| <= latest(o)
//      + D(t), and the rank's chunk activations stay within those of the fullest rank of the order; else wait. This
//      moves idle time from before the first backward, where encoder forwards can use it, to after the last forward,
//      where backwards can, or the other way. No o left: run x.
//   2. o ready: run x if it is pressing (a forward, a generator, or a backward without which the limit admits no
//      forward), t + |x| <= latest(o) + D(t), and, in the mode "when due", what presses is due within its own work and
//      one tB. Else run o.
// Lemma. Every LLM operation o starts by latest(o) + D + sigma.
//   Induction over starts. The LLM inputs of o and the operations before it on its rank started by their latest + D +
//   sigma, so they have ended, and arrived, by latest(o) + D + sigma; a side input arrives by latest(o) + D, because D
//   grew when it did. When the last of these is there, the rank is free and starts o, or runs a slice or a y that rule
//   1 let start, which ends by latest(o) + D + sigma, or by rule 2 slices that end by latest(o) + D. (Where a limit
//   leaves nothing allowed anywhere, some slice starts all the same; the lemma does not cover that one.)
// So the LLM ends between span + D and span + D + sigma: the fill gives up once span + D is too late, and what is lost
// is what D counts. The resulting order is timed as soon as possible, which never makes it later.
//
//   4 ranks, V = 1, M = 16, tF = 1, tB = 2, Ef = 1, Eb = 2, at most 4 live: 60, the lower bound (bigmac 69). A letter
//   a unit; hexadecimal digit: LLM microbatch, + Ef, = Eb
//   0 +0123+456++00711822933a44b55c66d77e88f99=aa=bb=cc=dd=ee=ff==
//   1 ++0123+4+00511622733844955a66b77c88d99eaafbb=cc=dd=ee=ff====
//   2 +++012+00311422533644755866977a88b99caadbbeccfdd=ee=ff======
//   3 ++++000111222333444555666777888999aaabbbcccdddeeefff========
//
// Choices (hybrid_candidates.h). Several fills are tried, at every limit up to the one asked for, and bigmac and
// optimus; the first of the fastest is taken. So never slower than those where they fit, and never slower with a larger
// limit, be it on encoder microbatches or on the LLM's chunks. A limit on memory gives each rank a limit of its own
// (hybrid_room.h).
// Where the LLM waits for its tensor-parallel group, the best of each limit is tried with rides that keep that limit
// (ride_along.h), and the fastest as run is taken.
// Orders and placements for unequal costs: hybrid_placement.h and hybrid_ready.h. Where all of these leave more than
// 0.3 % to the job's lower bound, a local search over orders, placements and rules goes on from the best
// (hybrid_search.h).
// Weight gradients. Where the base splits backwards, fills are also made of its order without W (F and I alone have
// latest starts). A W may run once its I has; where o is not ready it comes before all slices but pressing ones, if
// t + |W| <= latest(o) + D(t), and before those too on a rank that holds as many chunks as the base's fullest rank. A
// ready forward there waits for a W, and D grows by what that delays it. The base's own order stays a choice.
// Encoders of S stages over S ranks (op_makers.h): each stage of a position is a piece of its own. Stage s > 0 may
// begin once stage s-1 has arrived, a backward of stage s once that of s+1 has, that of the last once the LLM's
// gradient has. The slip counts last stages; until then D(t) expects of the first unfinished position what its later
// stages take, and a forward is due before them. The limit counts what the first stage holds: others begin later and
// end earlier. Which rank holds which stage is free:
//   0 turned    stage s on rank s. Rank 0 is busy from its first forward on, and what it encodes then follows the LLM's
//               first wave from rank to rank and never overtakes it. So the last rank, which idles only before that
//               wave and at the end, can use no idle time, and T is nearly upfront's.
//   k turned    the last k ranks hold the first stages, from the last one down, the others the rest, upwards. All
//               positions pass the last ranks before the first wave gets there, and the others in the bubbles between
//               warm-up and steady state. The first group's S positions pass rank 0 before its first forward (V > 1:
//               the LLM wants them one right after the other), which takes S + k forwards of a stage in place of S: so
//               much is the slip to begin with.
// Turning back at rank 0 (k = S-1) is best with V = 1, where the LLM's forwards leave rank 0 room between them; k = 1
// and little more with few microbatches and V > 1. All are tried, and k and the slip searched.
//
//   4 ranks = 4 stages, V = 1, M = 6, tF = 2, tB = 4, Ef = 1, Eb = 2 a stage: 66, the lower bound (upfront 69)
//   0    +00+11+22+33+44+55   0000==1111==2222==3333==4444==5555==
//   1   ++++00+11+22 33 440000551111==2222==3333==4444==5555==    ==
//   2  ++++++ 00 11 220000331111442222553333==4444==5555====  ==    ==
//   3 ++++++    000000111111222222333333444444555555====  ====  ==    ==
//
// Departures from what the field does: encoder and generator passes are interrupted between parts; the
// warm-up slope of 1 in place of Megatron-LM's 2 where that is no slower; microbatches are permuted; encoder stages do
// not follow the order of ranks. Generators: P to 8P more warm-up forwards. Several encoders, or generators, of one
// microbatch run as one; the limit counts microbatches.
#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/schedule/builders.h"
#include "hybrid_candidates.h"

namespace bigmac {

Schedule build_hybrid(const ScheduleRequest& request) {
  const auto asked = [&](const char* name) -> std::optional<std::uint32_t> {
    const auto it = request.parameters.find(name);
    return it == request.parameters.end() ? std::nullopt : std::optional(static_cast<std::uint32_t>(it->second));
  };
  hybrid::Limits limits;
  limits.encoder_live = asked("encoder_live_limit").value_or(limits.encoder_live);
  limits.llm_live = asked("llm_live_limit").value_or(limits.llm_live);
  limits.search_fills = asked("search_fills");
  if (const auto memory = request.parameters.find("memory_limit"); memory != request.parameters.end())
    limits.memory = Bytes{memory->second};
  hybrid::Best best = hybrid::best_candidate(request, limits);
  if (!best.found && limits.memory)
    bad_input("--set memory_limit",
              fmt::format("in {} bytes a GPU, {} deadlocks: its order needs more encoder microbatches than fit",
                          limits.memory->value, request.base));
  if (!best.found)
    bad_input(
        "--set encoder_live_limit",
        fmt::format("with at most {} live encoder microbatches on a rank, {} deadlocks: its order needs a forward "
                    "that may begin only after a backward behind it",
                    limits.encoder_live, request.base));
  Schedule schedule = std::move(best.schedule);
  schedule.parameters = request.parameters;
  schedule.base = request.base;
  schedule.notes = {fmt::format("{}; best of {} fills", best.how, best.fills)};
  return schedule;
}

}  // namespace bigmac
