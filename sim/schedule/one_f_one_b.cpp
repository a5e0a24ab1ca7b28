// 1F1B: after a warm-up of P-1-r forwards, one forward and one backward in turn
// (PipeDream-flush; Narayanan et al. 2021, 2104.04473, section 2.2; Fan et al. 2021, DAPPLE).
//
//   4 ranks, M = 8: warm-up 3, 2, 1, 0
//   0  F0 F1 F2 F3 B0 F4 B1 F5 B2 F6 B3 F7 B4 B5 B6 B7
//   1  F0 F1 F2 B0 F3 B1 F4 B2 F5 B3 F6 B4 F7 B5 B6 B7
//   2  F0 F1 B0 F2 B1 F3 B2 F4 B3 F5 B4 F6 B5 F7 B6 B7
//   3  F0 B0 F1 B1 F2 B2 F3 B3 F4 B4 F5 B5 F6 B6 F7 B7
//
// Bubble (P-1)(tF+tB); rank r holds min(M, P-r) microbatches.
#include "bigmac/schedule/llm_base.h"
#include "op_makers.h"

namespace bigmac {

void one_f_one_b_order(const BaseRequest& request, RankId rank, std::vector<Op>& out) {
  const Pipeline& pipeline = request.pipeline;
  const std::uint32_t count = pipeline.microbatches;
  const std::uint32_t warmup = std::min(count, pipeline.ranks - 1 - rank.value + request.extra_warmup);
  out.reserve(out.size() + std::size_t{2} * count);
  const auto forward = [&](std::uint32_t m) { out.push_back(llm_op(pipeline, OpKind::forward, rank, 0, m)); };
  const auto backward = [&](std::uint32_t m) { out.push_back(llm_op(pipeline, OpKind::backward, rank, 0, m)); };
  for (std::uint32_t m = 0; m < warmup; ++m) forward(m);
  for (std::uint32_t m = warmup; m < count; ++m) {
    forward(m);
    backward(m - warmup);
  }
  for (std::uint32_t m = count - warmup; m < count; ++m) backward(m);
}

}  // namespace bigmac
