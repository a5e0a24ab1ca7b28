// DualPipeV: DualPipe cut in half, the second direction folded back into a V (Sea AI Lab's "cut in half", in
// github.com/deepseek-ai/DualPipe, MIT).
//
// Idea: in DualPipe ranks r and P-1-r hold the same two stages. Keeping one of each pair leaves a V of two chunks per
// rank: stages r and 2P-1-r. A microbatch goes in on chunk 0 and out on chunk 1, and parameters are held once.
//
//   2 ranks, M = 4 (F f: chunk 0, 1 forward); (F;B): a pair
//   0  F0 F1 F2 f0 i0 w0 f1 (F3;b1) (f2;B0) b2 (f3;B1) b3 I2 W2 I3 W3
//   1  F0 f0 F1 f1 F2 b0 (f2;B0) (F3;b1) (f3;B1) b2 B2 i3 I3 w3 W3
//
// Bubble (P-1)(F&B + B - 3W) of one chunk's times (PP = 2P stages in the authors' table); a rank holds at most 2P+1
// chunks. Departure: the overlap of a pair is not modelled yet, as in dualpipe.cpp.
#include "bigmac/schedule/llm_base.h"
#include "dualpipe_steps.h"

namespace bigmac {

void dualpipev_order(const BaseRequest& request, RankId rank, std::vector<Op>& out) {
  const std::uint32_t ranks = request.pipeline.ranks;
  const std::array<DualStream, 2> streams = {
      DualStream{StageId{static_cast<std::uint16_t>(rank.value)}, 0},
      DualStream{StageId{static_cast<std::uint16_t>(2 * ranks - 1 - rank.value)}, 0}};
  DualPipeSteps(ranks, rank.value, streams, out).append(request.pipeline.microbatches);
}

}  // namespace bigmac
