#include "bigmac/schedule/residency.h"

namespace bigmac {

Residency residency(const Pipeline& pipeline, const Schedule& schedule) {
  Residency out;
  out.stages.assign(pipeline.ranks, std::vector<bool>(pipeline.stages(), false));
  out.modules.assign(pipeline.ranks, std::vector<bool>(pipeline.modules.size(), false));
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
    for (const Op& op : schedule.rank_ops(RankId{rank})) {
      if (op.module == kLlm) out.stages[rank][op.stage.value] = true;
      out.modules[rank][op.module.value] = true;
    }
  return out;
}

}  // namespace bigmac
