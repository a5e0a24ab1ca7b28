#include "bigmac/planner/cost_origins.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bigmac {
namespace {

constexpr LayerKind kKinds[] = {LayerKind::embedding, LayerKind::transformer, LayerKind::projector, LayerKind::head};
constexpr const char* kKindNames[] = {"embedding", "transformer", "projector", "head"};

CostOrigin origin_of(const MeasuredCosts& measured, const Module& module, LayerKind kind, int tp) {
  CostOrigin origin{module.name, kind, tp, 0, {}, {}};
  for (const Layer& layer : module.layers) origin.layers += layer.kind == kind;
  for (const MeasuredEntry& entry : measured.entries) {
    if (entry.module != module.name || entry.layer != kind) continue;
    if (entry.tp == tp) origin.tokens.push_back(entry.tokens);
    else if (origin.other_tp.empty() || origin.other_tp.back() != entry.tp) origin.other_tp.push_back(entry.tp);
  }
  return origin;
}

}  // namespace

std::vector<CostOrigin> cost_origins(const Job& job, const ParallelPlan& plan) {
  std::vector<CostOrigin> origins;
  if (!job.measured) return origins;
  const auto add = [&](const Module& module, int tp) {
    for (const LayerKind kind : kKinds) {
      const CostOrigin origin = origin_of(*job.measured, module, kind, tp);
      if (origin.layers > 0) origins.push_back(origin);
    }
  };
  for (const Module& module : job.model->encoders) add(module, plan.encoder_tp);
  add(job.model->llm, plan.tp);
  for (const Module& module : job.model->generators) add(module, plan.generator_tp);
  return origins;
}

std::vector<std::string> cost_origin_lines(const Job& job, const ParallelPlan& plan) {
  std::vector<std::string> lines;
  for (const CostOrigin& origin : cost_origins(job, plan)) {
    std::string text = fmt::format("{}/{} ({} layers, tp {}): ", origin.module,
                                   kKindNames[static_cast<std::size_t>(origin.layer)], origin.layers, origin.tp);
    if (!origin.tokens.empty()) text += fmt::format("measured at {} tokens", fmt::join(origin.tokens, ", "));
    else if (origin.other_tp.empty()) text += "filled in by the analytic model";
    else
      text += fmt::format("filled in by the analytic model (measured at tp {} only)", fmt::join(origin.other_tp, ", "));
    lines.push_back(text);
  }
  return lines;
}

}  // namespace bigmac
