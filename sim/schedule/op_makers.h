// Short ways to write the operations builders emit. Private to the schedule room.
#pragma once

#include <algorithm>

#include "bigmac/workload/pipeline.h"

namespace bigmac {

inline Op llm_op(const Pipeline& pipeline, OpKind kind, RankId rank, std::uint32_t chunk, std::uint32_t microbatch) {
  return {MicrobatchId{microbatch}, StageId{static_cast<std::uint16_t>(chunk * pipeline.ranks + rank.value)}, kLlm,
          kind};
}

/// Appends `kind` of every module in `modules` for one microbatch, in order; a frozen module has no backward.
inline void append_modules(const Pipeline& pipeline, const std::vector<ModuleId>& modules, OpKind kind,
                           std::uint32_t microbatch, std::vector<Op>& out) {
  for (const ModuleId module : modules)
    if (kind == OpKind::forward || pipeline.modules[module].backward)
      out.push_back({MicrobatchId{microbatch}, StageId{0}, module, kind});
}

}  // namespace bigmac
