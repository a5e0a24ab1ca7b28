// Limits on what ranks hold: what a schedule keeps, and what it says that it keeps.
#include <algorithm>
#include <array>

#include "bigmac/schedule/job_bound.h"

namespace bigmac {
namespace {

/// Stage s of the LLM on rank s mod P, no backward split: what job_lower_bound() is about.
bool is_plain(const Pipeline& pipeline, const Schedule& schedule) {
  for (std::uint32_t r = 0; r < schedule.ranks(); ++r)
    for (const Op& op : schedule.rank_ops(RankId{r})) {
      if (op.kind == OpKind::input_gradient || op.kind == OpKind::weight_gradient) return false;
      if (op.module == kLlm && op.stage.value % pipeline.ranks != r) return false;
    }
  return true;
}

}  // namespace

LiveLimits most_held(const Pipeline& pipeline, const Schedule& schedule) {
  std::uint32_t encoder = 0, llm = 0;
  for (std::uint32_t r = 0; r < schedule.ranks(); ++r) {
    std::array<std::uint32_t, kMaxModules> held{};
    for (const Op& op : schedule.rank_ops(RankId{r})) {
      const ModuleShape& module = pipeline.modules[op.module];
      if (module.role == Role::generator) continue;
      std::uint32_t& most = module.role == Role::llm ? llm : encoder;
      if (op.kind == OpKind::forward && op.part == 0) most = std::max(most, ++held[op.module.value]);
      const bool ends = op.kind == OpKind::backward || op.kind == OpKind::weight_gradient ||
                        (op.kind == OpKind::forward && !module.backward);
      if (ends && op.part + 1 == op.parts) --held[op.module.value];
    }
  }
  return {encoder, llm};
}

LiveLimits kept_limits(const Pipeline& pipeline, const Schedule& schedule) {
  const auto stated = [&](const char* name) -> std::optional<std::uint32_t> {
    const auto at = schedule.parameters.find(name);
    if (at == schedule.parameters.end() || at->second < 1) return std::nullopt;
    return static_cast<std::uint32_t>(std::min<std::int64_t>(at->second, UINT32_MAX));
  };
  LiveLimits out{stated("encoder_live_limit"), stated("llm_live_limit")};
  if (!out.any() || !is_plain(pipeline, schedule)) return {};
  const LiveLimits held = most_held(pipeline, schedule);
  if (out.encoder && *out.encoder < *held.encoder) out.encoder.reset();
  if (out.llm && *out.llm < *held.llm) out.llm.reset();
  return out;
}

}  // namespace bigmac
