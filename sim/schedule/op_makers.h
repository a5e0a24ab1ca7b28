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
                           std::uint32_t microbatch, std::vector<Op>& out, std::uint32_t stage = 0) {
  for (const ModuleId module : modules)
    if (kind == OpKind::forward || pipeline.modules[module].backward)
      out.push_back({MicrobatchId{microbatch}, StageId{static_cast<std::uint16_t>(stage)}, module, kind});
}

/// How encoders cut into S stages lie on ranks: S consecutive ranks make one encoder pipeline, stage s on the s-th, and
/// P/S of them share the microbatches. S = 1: every rank by itself.
struct EncoderPlace {
  std::uint32_t stages, pipelines, own, stage;  ///< `own`: this rank's pipeline

  EncoderPlace(const Pipeline& pipeline, RankId rank)
      : stages(pipeline.encoder_stages()),
        pipelines(pipeline.ranks / stages),
        own(rank.value / stages),
        stage(rank.value % stages) {}
  /// Stages behind this one: it runs so much ahead in forwards, and so much late in backwards.
  std::uint32_t behind() const { return stages - 1 - stage; }
};

/// Where a schedule chooses which of an encoder pipeline's ranks runs a stage: the s-th, or, turned by k, the last k
/// ranks run the first k stages, from the last rank down, and the others the rest, upwards. k = S-1: stage s on S-1-s.
constexpr std::uint32_t rank_of_stage(std::uint32_t stage, std::uint32_t stages, std::uint32_t turned) {
  return stage < turned ? stages - 1 - stage : stage - turned;
}

}  // namespace bigmac
