// Upfront: all encoder forwards first, all encoder backwards last, the LLM in between. The ideal for
// compute when memory is unlimited: encoder activations of all M/P microbatches of a rank are held
// throughout (O(M/P), the cost that Optimus and other decoupled designs pay).
//
// Microbatch m's encoder and generator run on rank m mod P. With a generator the LLM runs gpipe and all
// generators come between its forwards and its backwards. Encoders of S stages: P/S pipelines of S ranks, op_makers.h.
//
//   4 ranks, M = 8, encoder only
//   1  e1 e5 F0 F1 F2 B0 F3 B1 ... B7 E1 E5
#include "assemble.h"
#include "bigmac/schedule/builders.h"
#include "op_makers.h"
#include "rank_source.h"

namespace bigmac {
namespace {

void append_encoders(const Pipeline& pipeline, OpKind kind, RankId rank, std::vector<Op>& out) {
  const EncoderPlace place(pipeline, rank);
  for (std::uint32_t m = place.own; m < pipeline.microbatches; m += place.pipelines)
    append_modules(pipeline, pipeline.encoders, kind, m, out, place.stage);
}

void append_generators(const Pipeline& pipeline, RankId rank, std::vector<Op>& out) {
  for (std::uint32_t m = rank.value; m < pipeline.microbatches; m += pipeline.ranks) {
    append_modules(pipeline, pipeline.generators, OpKind::forward, m, out);
    append_modules(pipeline, pipeline.generators, OpKind::backward, m, out);
  }
}

}  // namespace

Schedule build_upfront(const ScheduleRequest& request) {
  const Pipeline& pipeline = request.pipeline;
  const std::string base = pipeline.generators.empty() ? request.base : "gpipe";
  RankSource source(find_llm_base(base), {pipeline, request.costs, 0});
  Schedule schedule = assemble(pipeline, [&](RankId rank, std::vector<Op>& out) {
    const std::vector<Op>& llm = source.order(rank);
    append_encoders(pipeline, OpKind::forward, rank, out);
    // With a generator the base is gpipe, whose first half are the forwards.
    const auto turn =
        pipeline.generators.empty() ? llm.end() : llm.begin() + static_cast<std::ptrdiff_t>(llm.size() / 2);
    out.insert(out.end(), llm.begin(), turn);
    append_generators(pipeline, rank, out);
    out.insert(out.end(), turn, llm.end());
    append_encoders(pipeline, OpKind::backward, rank, out);
  });
  schedule.base = base;
  return schedule;
}

}  // namespace bigmac
