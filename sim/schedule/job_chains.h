// What bounds of a job ask of its costs: passes, links and the work around the LLM. Private to the schedule room.
#pragma once

#include <algorithm>

#include "bigmac/cost/cost_table.h"

namespace bigmac {

class JobChains {
 public:
  JobChains(const Pipeline& pipeline, const CostTable& costs) : pipeline_(pipeline), costs_(costs) {}

  std::int64_t cost(ModuleId module, OpKind kind, std::uint32_t stage, MicrobatchId m) const {
    return costs_.duration[costs_.slot(module, kind, StageId{static_cast<std::uint16_t>(stage)}, m)].value;
  }
  /// Nothing for the backward of a frozen module.
  std::int64_t all_stages(ModuleId module, OpKind kind, MicrobatchId m) const {
    std::int64_t sum = 0;
    if (kind == OpKind::backward && !pipeline_.modules[module].backward) return sum;
    for (std::uint32_t stage = 0; stage < pipeline_.modules[module].stages; ++stage)
      sum += cost(module, kind, stage, m);
    return sum;
  }
  /// The LLM's transfer between stage - 1 and stage: to the next one of a forward, back to the one before of a
  /// backward. Always another rank, unless there is only one.
  std::int64_t link(OpKind kind, std::uint32_t stage, MicrobatchId m) const {
    if (pipeline_.ranks == 1) return 0;
    const auto sender = static_cast<std::uint16_t>(kind == OpKind::forward ? stage - 1 : stage);
    return costs_.transfer[costs_.slot(kLlm, kind, StageId{sender}, m)].value;
  }
  /// The dearest encoder of m: several may run at once, the stages of one only one after the other.
  std::int64_t encoder(OpKind kind, MicrobatchId m) const {
    std::int64_t most = 0;
    for (const ModuleId module : pipeline_.encoders) most = std::max(most, all_stages(module, kind, m));
    return most;
  }
  /// The dearest generator of m, forward and backward.
  std::int64_t generator(MicrobatchId m) const {
    std::int64_t most = 0;
    for (const ModuleId module : pipeline_.generators)
      most = std::max(most, cost(module, OpKind::forward, 0, m) + cost(module, OpKind::backward, 0, m));
    return most;
  }

 private:
  const Pipeline& pipeline_;
  const CostTable& costs_;
};

}  // namespace bigmac
