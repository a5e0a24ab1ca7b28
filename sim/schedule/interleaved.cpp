// Interleaved 1F1B: each rank holds V chunks; microbatches go in groups of P through chunk after chunk
// (Narayanan et al. 2021, 2104.04473, section 2.2; the order of Megatron-LM's
// forward_backward_pipelining_with_interleaving).
//
// Forward number k of a rank is chunk (k mod PV) div P, microbatch (k div PV) P + k mod P; backward
// number k the same with the chunks reversed. Warm-up on rank r: 2(P-1-r) + (V-1)P forwards.
//
//   4 ranks, V = 2, M = 4 (digit: microbatch; F f: chunk 0, 1 forward; B b: chunk 0, 1 backward)
//   0  F0 F1 F2 F3 f0 f1 f2 f3 b0 b1 b2 b3 B0 B1 B2 B3
//   3  F0 F1 F2 F3 f0 b0 f1 b1 f2 b2 f3 b3 B0 B1 B2 B3
//
// Bubble (P-1)(tF+tB) with tF, tB per chunk: 1/V of 1F1B's. Departure: none for M divisible by P; other
// M are refused, as Megatron-LM does.
#include "bigmac/schedule/llm_base.h"
#include "op_makers.h"

namespace bigmac {
namespace {

/// Walks k = 0, 1, 2, ... through (chunk, microbatch) without a division per step.
struct GroupWalk {
  std::uint32_t ranks, chunks;
  std::uint32_t group = 0, chunk = 0, within = 0;

  std::uint32_t microbatch() const { return group + within; }
  void next() {
    if (++within < ranks) return;
    within = 0;
    if (++chunk < chunks) return;
    chunk = 0;
    group += ranks;
  }
};

}  // namespace

void interleaved_order(const BaseRequest& request, RankId rank, std::vector<Op>& out) {
  const Pipeline& pipeline = request.pipeline;
  const std::uint32_t ranks = pipeline.ranks, chunks = pipeline.chunks;
  const std::uint32_t total = chunks * pipeline.microbatches;
  const std::uint32_t own = chunks == 1 ? ranks - 1 - rank.value : 2 * (ranks - 1 - rank.value) + (chunks - 1) * ranks;
  const std::uint32_t warmup = std::min(total, own + request.extra_warmup);
  GroupWalk ahead{ranks, chunks}, behind{ranks, chunks};
  const std::size_t start = out.size();
  out.resize(start + 2 * static_cast<std::size_t>(total));
  Op* next = out.data() + start;
  const auto forward = [&] {
    *next++ = llm_op(pipeline, OpKind::forward, rank, ahead.chunk, ahead.microbatch());
    ahead.next();
  };
  const auto backward = [&] {
    *next++ = llm_op(pipeline, OpKind::backward, rank, chunks - 1 - behind.chunk, behind.microbatch());
    behind.next();
  };
  for (std::uint32_t k = 0; k < warmup; ++k) forward();
  for (std::uint32_t k = warmup; k < total; ++k) {
    forward();
    backward();
  }
  for (std::uint32_t k = 0; k < warmup; ++k) backward();
}

}  // namespace bigmac
