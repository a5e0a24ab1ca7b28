// Short ways to write the operations builders emit. Private to the schedule room.
#pragma once

#include <algorithm>

#include "bigmac/workload/pipeline.h"

namespace bigmac {

inline Op llm_op(const Pipeline& pipeline, OpKind kind, RankId rank, std::uint32_t chunk, std::uint32_t microbatch) {
  return {MicrobatchId{microbatch}, StageId{static_cast<std::uint16_t>(chunk * pipeline.ranks + rank.value)}, kLlm,
          kind};
}

/// Appends `kind` of every module in `modules` for one microbatch, in order.
inline void append_modules(const std::vector<ModuleId>& modules, OpKind kind, std::uint32_t microbatch,
                           std::vector<Op>& out) {
  for (const ModuleId module : modules) out.push_back({MicrobatchId{microbatch}, StageId{0}, module, kind});
}

/// Microbatches that rank `rank` owns when microbatch m lives on rank m mod P.
inline std::uint32_t owned_microbatches(const Pipeline& pipeline, RankId rank) {
  if (rank.value >= pipeline.microbatches) return 0;
  return (pipeline.microbatches - rank.value - 1) / pipeline.ranks + 1;
}

}  // namespace bigmac
