#include "bigmac/cost/spread_table.h"

namespace bigmac {

CostTable spread_table(const Pipeline& pipeline, const CostTable& costs, const std::vector<bool>& per_microbatch) {
  CostTable out = make_cost_table(pipeline, per_microbatch);
  for (std::size_t m = 0; m < pipeline.modules.size(); ++m) {
    const ModuleId id{static_cast<std::uint8_t>(m)};
    for (int kind = 0; kind < kOpKinds; ++kind)
      for (std::uint16_t stage = 0; stage < out.modules[id].stages; ++stage)
        for (std::uint32_t i = 0; i < out.modules[id].row; ++i) {
          const std::uint32_t to = out.slot(id, static_cast<OpKind>(kind), StageId{stage}, MicrobatchId{i});
          const std::uint32_t from = costs.slot(id, static_cast<OpKind>(kind), StageId{stage}, MicrobatchId{i});
          out.duration[to] = costs.duration[from];
          out.transfer[to] = costs.transfer[from];
          out.activation[to] = costs.activation[from];
          out.transient[to] = costs.transient[from];
        }
  }
  return out;
}

}  // namespace bigmac
