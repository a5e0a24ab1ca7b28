// GPipe: every forward, then every backward (Huang et al. 2019, 1811.06965, section 2.3).
//
// Idea: simplest flush schedule; all M microbatches are live at the turn. Chunks run one after the
// other ("looped breadth first", Lamy-Poirier 2023, 2211.05953).
//
//   4 ranks, M = 4, tB = 2 tF         time ->
//   0  F0 F1 F2 F3 .  .  .  .  .  .  .  .  .  B0 . B1 . B2 . B3
//   1     F0 F1 F2 F3 .  .  .  .  .  .  .  B0 . B1 . B2 . B3
//   2        F0 F1 F2 F3 .  .  .  .  B0 . B1 . B2 . B3
//   3           F0 F1 F2 F3 B0 . B1 . B2 . B3
//
// Bubble (P-1)(tF+tB) for one chunk. Departure: backwards run in the order of the forwards (the
// paper draws them reversed; the time is the same and the first microbatch's memory goes first).
#include "bigmac/schedule/llm_base.h"
#include "op_makers.h"

namespace bigmac {

void gpipe_order(const BaseRequest& request, RankId rank, std::vector<Op>& out) {
  const Pipeline& pipeline = request.pipeline;
  out.reserve(out.size() + std::size_t{2} * pipeline.chunks * pipeline.microbatches);
  for (std::uint32_t chunk = 0; chunk < pipeline.chunks; ++chunk)
    for (std::uint32_t m = 0; m < pipeline.microbatches; ++m)
      out.push_back(llm_op(pipeline, OpKind::forward, rank, chunk, m));
  for (std::uint32_t chunk = pipeline.chunks; chunk-- > 0;)
    for (std::uint32_t m = 0; m < pipeline.microbatches; ++m)
      out.push_back(llm_op(pipeline, OpKind::backward, rank, chunk, m));
}

}  // namespace bigmac
