// DualPipe: two pipelines over the same ranks in opposite directions (DeepSeek-V3, 2412.19437, section 3.2.1; the order
// of github.com/deepseek-ai/DualPipe, MIT).
//
// Idea: microbatches 0..M/2-1 enter at rank 0, the others at the last rank, so every rank holds two stages of the model
// (parameters twice) and in the steady state pairs a forward of one direction with a backward of the other, whose
// communication and computation can overlap.
//
//   4 ranks, M = 8; a..d: direction 0 (microbatches 0..3), A..D: direction 1 (4..7); (F;B): a pair
//   0  Fa Fb Fc FA IA WA FB (Fd;BB) (FC;Ba) BC (FD;Bb) BD Ic Wc Id Wd
//   1  Fa FA Fb FB Fc BA (FC;Ba) (Fd;BB) (FD;Bb) BC Bc ID Id WD Wd
//
// Bubble (P/2-1)(F&B + B - 3W) with F&B the time of a pair; rank r holds at most P+1 microbatches.
// Departure: the overlap itself is not modelled yet: a pair is its forward and then its backward, so F&B = F + B here.
#include "bigmac/schedule/llm_base.h"
#include "dualpipe_steps.h"

namespace bigmac {

void dualpipe_order(const BaseRequest& request, RankId rank, std::vector<Op>& out) {
  const std::uint32_t ranks = request.pipeline.ranks, each = request.pipeline.microbatches / 2;
  const std::uint32_t mirror = ranks - 1 - rank.value;
  const bool second_half = rank.value >= ranks / 2;
  std::array<DualStream, 2> streams = {DualStream{StageId{static_cast<std::uint16_t>(rank.value)}, 0},
                                       DualStream{StageId{static_cast<std::uint16_t>(mirror)}, each}};
  if (second_half) std::swap(streams[0], streams[1]);
  DualPipeSteps(ranks / 2, std::min(rank.value, mirror), streams, out).append(each);
}

}  // namespace bigmac
