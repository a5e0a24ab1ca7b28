// A base pipeline by itself, for jobs without encoder and generator.
#include "assemble.h"
#include "bigmac/schedule/builders.h"
#include "bigmac/schedule/llm_order.h"

namespace bigmac {
namespace {

Schedule build_alone(const ScheduleRequest& request, LlmOrder order) {
  return assemble(request.pipeline, [&](RankId rank, std::vector<Op>& out) { order(request.pipeline, rank, 0, out); });
}

}  // namespace

Schedule build_gpipe(const ScheduleRequest& request) { return build_alone(request, gpipe_order); }
Schedule build_one_f_one_b(const ScheduleRequest& request) { return build_alone(request, one_f_one_b_order); }
Schedule build_interleaved(const ScheduleRequest& request) { return build_alone(request, interleaved_order); }

}  // namespace bigmac
