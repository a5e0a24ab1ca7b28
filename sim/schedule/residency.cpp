#include "bigmac/schedule/residency.h"

namespace bigmac {

Residency residency(const Pipeline& pipeline, const Schedule& schedule) {
  Residency out = nowhere(pipeline);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
    for (const Op& op : schedule.rank_ops(RankId{rank})) out.stages[rank][op.module][op.stage.value] = true;
  return out;
}

}  // namespace bigmac
