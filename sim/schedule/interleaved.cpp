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
// Bubble (P-1)(tF+tB) with tF, tB per chunk: 1/V of 1F1B's.
//
// Departure: Megatron-LM refuses M not divisible by P unless the last group is larger than P. Here the order is that of
// the next multiple of P with the operations of the missing microbatches left out. Dependencies join operations of one
// microbatch, so what is left of an order that can run can run. Or the last group takes the rest too
// (LastGroup::larger): no bubble more, but (V-1) (M mod P) more warm-up forwards.
#include "bigmac/schedule/llm_base.h"
#include "op_makers.h"

namespace bigmac {
namespace {

/// Walks k = 0, 1, 2, ... through (chunk, microbatch) without a division per step.
struct GroupWalk {
  std::uint32_t ranks, chunks;
  std::uint32_t merge_from;  // the group that begins here is the last and takes all that is left
  std::uint32_t microbatches;
  std::uint32_t group = 0, chunk = 0, within = 0;

  std::uint32_t microbatch() const { return group + within; }
  void next() {
    if (++within < (group == merge_from ? microbatches - group : ranks)) return;
    within = 0;
    if (++chunk < chunks) return;
    chunk = 0;
    group += ranks;
  }
};

}  // namespace

void interleaved_with_warmup(const Pipeline& pipeline, RankId rank, std::uint32_t warmup, LastGroup last,
                             std::vector<Op>& out) {
  const std::uint32_t ranks = pipeline.ranks, chunks = pipeline.chunks, count = pipeline.microbatches;
  const bool merged = last == LastGroup::larger && count % ranks != 0;
  const std::uint32_t merge_from = !merged ? UINT32_MAX : count < ranks ? 0 : (count / ranks - 1) * ranks;
  const std::uint32_t total = (merged ? count : (count + ranks - 1) / ranks * ranks) * chunks;
  GroupWalk ahead{ranks, chunks, merge_from, count}, behind = ahead;
  const std::size_t start = out.size();
  out.resize(start + std::size_t{2} * chunks * count);
  Op* next = out.data() + start;
  const auto forward = [&] {
    if (const std::uint32_t m = ahead.microbatch(); m < count)
      *next++ = llm_op(pipeline, OpKind::forward, rank, ahead.chunk, m);
    ahead.next();
  };
  const auto backward = [&] {
    if (const std::uint32_t m = behind.microbatch(); m < count)
      *next++ = llm_op(pipeline, OpKind::backward, rank, chunks - 1 - behind.chunk, m);
    behind.next();
  };
  warmup = std::min(warmup, total);
  for (std::uint32_t k = 0; k < warmup; ++k) forward();
  for (std::uint32_t k = warmup; k < total; ++k) {
    forward();
    backward();
  }
  for (std::uint32_t k = 0; k < warmup; ++k) backward();
}

void interleaved_order(const BaseRequest& request, RankId rank, std::vector<Op>& out) {
  const std::uint32_t ranks = request.pipeline.ranks, chunks = request.pipeline.chunks;
  const std::uint32_t own = chunks == 1 ? ranks - 1 - rank.value : 2 * (ranks - 1 - rank.value) + (chunks - 1) * ranks;
  interleaved_with_warmup(request.pipeline, rank, own + request.extra_warmup, LastGroup::smaller, out);
}

}  // namespace bigmac
