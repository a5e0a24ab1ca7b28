// A base pipeline by itself, for jobs without encoder and generator.
#include "assemble.h"
#include "bigmac/schedule/builders.h"
#include "bigmac/schedule/llm_base.h"

namespace bigmac {

Schedule build_base_alone(const ScheduleRequest& request) {
  const LlmBase& base = find_llm_base(request.base);
  const BaseRequest base_request{request.pipeline, request.costs, 0};
  if (base.append_rank != nullptr)
    return assemble(request.pipeline,
                    [&](RankId rank, std::vector<Op>& out) { base.append_rank(base_request, rank, out); });
  return assemble_orders(llm_orders(base, base_request));
}

}  // namespace bigmac
