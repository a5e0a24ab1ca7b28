// Naive: the encoder is part of the first stage's work, the generator of the last's (Megatron-LM's
// first multimodal placement: the encoder in the first stage's pre-process).
//
// Idea: each encoder forward comes right before the LLM forward that needs it, on rank 0; each
// encoder backward right after the gradient it needs. Memory is O(1) in M, but every microbatch pays the
// encoder on one rank: the pipeline is paced by its slowest stage.
//
//   4 ranks, M = 8 (e E: encoder forward, backward)
//   0  e0 F0 e1 F1 e2 F2 e3 F3 B0 E0 e4 F4 B1 E1 ...
//   1     F0    F1    F2 B0 F3 ...
//
// Under bidirectional bases (dualpipe) the first stage lies on two ranks, and the encoder with it.
#include "assemble.h"
#include "bigmac/schedule/builders.h"
#include "op_makers.h"
#include "rank_source.h"

namespace bigmac {
namespace {

// All stages of the encoders, in turn: one rank runs them.
void append_encoders(const Pipeline& pipeline, OpKind kind, std::uint32_t m, std::vector<Op>& out) {
  const std::uint32_t stages = pipeline.encoder_stages();
  for (std::uint32_t s = 0; s < stages; ++s)
    append_modules(pipeline, pipeline.encoders, kind, m, out, kind == OpKind::forward ? s : stages - 1 - s);
}

void place_around(const Pipeline& pipeline, const Op& op, std::vector<Op>& out) {
  const std::uint32_t m = op.microbatch.value;
  const bool first = op.stage.value == 0, last = op.stage == pipeline.last_stage();
  const bool forward = op.kind == OpKind::forward;
  const bool gradient = op.kind == OpKind::backward || op.kind == OpKind::input_gradient;
  if (forward && first) append_encoders(pipeline, OpKind::forward, m, out);
  if (gradient && last) append_modules(pipeline, pipeline.generators, OpKind::backward, m, out);
  out.push_back(op);
  if (forward && last) append_modules(pipeline, pipeline.generators, OpKind::forward, m, out);
  if (gradient && first) append_encoders(pipeline, OpKind::backward, m, out);
}

}  // namespace

Schedule build_naive(const ScheduleRequest& request) {
  RankSource llm(find_llm_base(request.base), {request.pipeline, request.costs, 0});
  return assemble(request.pipeline, [&](RankId rank, std::vector<Op>& out) {
    for (const Op& op : llm.order(rank)) place_around(request.pipeline, op, out);
  });
}

}  // namespace bigmac
