// The shape of a pipeline: how many ranks, chunks and microbatches, and which modules run.
//
// Second noun of the flow: what schedules are built for. It holds no cost. Stage s of the LLM sits
// on rank s % ranks as chunk s / ranks unless a schedule places it otherwise (Megatron-LM's
// interleaved placement, Narayanan et al. 2021, section 2.2).
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "bigmac/base/ids.h"
#include "bigmac/workload/model.h"
#include "bigmac/workload/op.h"

namespace bigmac {

inline constexpr ModuleId kLlm{0};

/// Largest accepted sizes; they bound every allocation before it is made.
inline constexpr std::int64_t kMaxRanks = 8192;
inline constexpr std::int64_t kMaxChunks = 1024;
inline constexpr std::int64_t kMaxMicrobatches = 1 << 20;
inline constexpr std::int64_t kMaxStages = 65'535;
inline constexpr std::int64_t kMaxOperations = 200'000'000;
inline constexpr std::size_t kMaxModules = 16;

struct ModuleShape {
  std::string name;
  Role role = Role::llm;
  std::uint32_t stages = 1;  ///< LLM: ranks * chunks; encoders: how many ranks share one; generators: 1
  bool backward = true;      ///< false: frozen encoder, forward only; its activations go when F ends
};

struct Pipeline {
  std::uint32_t ranks = 1;
  std::uint32_t chunks = 1;
  std::uint32_t microbatches = 1;
  IdVector<ModuleId, ModuleShape> modules;  ///< the LLM first, then encoders, then generators
  std::vector<ModuleId> encoders;           ///< indices into modules
  std::vector<ModuleId> generators;

  std::uint32_t stages() const { return ranks * chunks; }
  /// Stages of the encoders: 1, or how many ranks make up one encoder pipeline.
  std::uint32_t encoder_stages() const {
    std::uint32_t most = 1;
    for (const ModuleId module : encoders) most = std::max(most, modules[module].stages);
    return most;
  }
  StageId last_stage() const { return StageId{static_cast<std::uint16_t>(stages() - 1)}; }
  /// Forward and backward passes of all modules, each counted once.
  std::int64_t operations() const;
};

/// `ranks`, `chunks`, `microbatches` and the named modules besides the LLM. Throws Error{bad_input}
/// at `where` when a size is out of range or the whole would exceed kMaxOperations.
Pipeline make_pipeline(std::int64_t ranks, std::int64_t chunks, std::int64_t microbatches,
                       const std::vector<std::string>& encoders, const std::vector<std::string>& generators,
                       const std::string& where);

/// `2F0`, `encoder:B3`, `encoder:F3[1/4]`.
std::string to_string(const Pipeline& pipeline, const Op& op);

}  // namespace bigmac
