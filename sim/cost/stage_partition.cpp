// Stages under memory.
//
// Room. A rank may hold the job's limit less its communication buffers and what encoders and generators take where
// every rank holds them: state, and the activations of three microbatches (bigmac's columns; of encoders of S stages,
// 3 + 2 (S-1) times the first stage's). The LLM's stages get the rest. Where no partition fits that, the sides are left
// out (a schedule may place them elsewhere). Live. When rank r of an interleaved pipeline starts its first backward,
// 2(P-1-r) + (V-1)P + 1 forwards have run there: P of each chunk but the last, the rest of the last one and then of the
// first again. For V = 1 1F1B's P-r. Chunks. The rank's room is dealt to its chunks in proportion to what an average
// layer needs there (state + live x kept): exact for V = 1; for V > 1 exact for this dealing, which for layers alike
// fits whenever equal stages do.
#include "stage_partition.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

constexpr double kSideMicrobatches = 3;
constexpr double kUnlimited = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse_few(std::uint32_t stages, std::size_t layers) {
  bad_input("parallel", fmt::format("{} stages (pp x vpp) for {} layers; each stage needs one", stages, layers));
}

std::int64_t work_of(const LayerCost& layer) {
  const double ns = 1e3 * (layer.forward_us + layer.input_gradient_us + layer.weight_gradient_us);
  return std::llround(std::min(ns, static_cast<double>(kMaxCost.value)));
}

std::vector<PartitionLayer> layers_of(const LlmProfiles& llm, const std::vector<double>& states) {
  std::vector<PartitionLayer> out;
  for (std::size_t i = 0; i < llm.layers->layers.size(); ++i) {
    const LayerCost& layer = llm.layers->layers[i];
    out.push_back({work_of(layer), states[i], layer.activation_bytes, layer.transient_bytes, std::nullopt});
    if (!llm.again) continue;
    const LayerCost& again = llm.again->layers[i];
    if (again.activation_bytes < layer.activation_bytes)
      out.back().again = {work_of(again), again.activation_bytes, again.transient_bytes};
  }
  return out;
}

/// Microbatches of each stage that are held at once.
std::vector<double> live_of(const Pipeline& pipeline) {
  const std::uint32_t ranks = pipeline.ranks, chunks = pipeline.chunks, count = pipeline.microbatches;
  std::vector<double> out;
  for (std::uint32_t stage = 0; stage < pipeline.stages(); ++stage) {
    const std::uint32_t rank = stage % ranks, chunk = stage / ranks;
    std::uint32_t live = ranks - rank;
    if (chunks > 1) {
      const std::uint32_t of_last = 2 * (ranks - 1 - rank) + 1, over = of_last > ranks ? of_last - ranks : 0;
      live = chunk + 1 == chunks ? std::min(of_last, ranks) : ranks + (chunk == 0 ? over : 0);
    }
    out.push_back(std::min(live, count));
  }
  return out;
}

/// What encoders and generators hold on a rank where every rank has them.
double side_bytes(const Job& job, const ParallelPlan& plan, const PlanCosts& costs) {
  const Pipeline& pipeline = costs.pipeline;
  double bytes = 0;
  const auto add = [&](const std::vector<ModuleId>& modules, const std::vector<SharedSide>& sides) {
    for (std::size_t i = 0; i < modules.size(); ++i) {
      const std::uint32_t stages = pipeline.modules[modules[i]].stages;
      double state = 0, kept = 0;
      for (std::uint32_t stage = 0; stage < stages; ++stage)
        state =
            std::max(state, side_demand(job, plan, costs, modules[i], stage, pipeline.ranks / stages).state.total());
      for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) kept += sides[i]->by_microbatch[m].activation_bytes;
      const double held = std::min<double>(kSideMicrobatches + 2 * (stages - 1),
                                           std::ceil(1.0 * pipeline.microbatches / pipeline.ranks));
      bytes += state + held * kept / pipeline.microbatches;
    }
  };
  add(pipeline.encoders, costs.encoders);
  add(pipeline.generators, costs.generators);
  return bytes;
}

std::vector<PartitionStage> stages_with(const Pipeline& pipeline, const std::vector<PartitionLayer>& layers,
                                        double room) {
  double state = 0, kept = 0;
  for (const PartitionLayer& layer : layers) state += layer.state, kept += layer.kept;
  const std::vector<double> live = live_of(pipeline);
  std::vector<double> rank_needs(pipeline.ranks, 0);
  const auto need = [&](std::size_t stage) { return state + live[stage] * kept; };
  for (std::size_t stage = 0; stage < live.size(); ++stage) rank_needs[stage % pipeline.ranks] += need(stage);
  std::vector<PartitionStage> out;
  for (std::size_t stage = 0; stage < live.size(); ++stage) {
    const double share = rank_needs[stage % pipeline.ranks] > 0 ? need(stage) / rank_needs[stage % pipeline.ranks] : 1;
    out.push_back({live[stage], room == kUnlimited ? kUnlimited : share * room});
  }
  return out;
}

/// As stated; partial recompute then fits each stage for itself, or runs all of it again.
StagePartition keep(const std::vector<PartitionLayer>& layers, const std::vector<PartitionStage>& stages,
                    Partition first) {
  StagePartition out{std::move(first), {}};
  for (std::size_t s = 0; s < stages.size(); ++s) {
    const std::vector<PartitionLayer> own(layers.begin() + out.first[s], layers.begin() + out.first[s + 1]);
    const auto free =
        std::count_if(own.begin(), own.end(), [](const PartitionLayer& l) { return l.again.has_value(); });
    const auto fitted = own.empty() ? std::nullopt : partition_within(own, {stages[s]});
    out.again.push_back(fitted ? fitted->again[0] : static_cast<std::uint32_t>(free));
  }
  return out;
}

}  // namespace

Partition partition_layers(const std::vector<LayerCost>& layers, std::uint32_t stages) {
  if (layers.size() < stages) refuse_few(stages, layers.size());
  std::vector<PartitionLayer> all;
  for (const LayerCost& layer : layers) all.push_back({work_of(layer), 0, 0, 0, std::nullopt});
  auto found = partition_within(all, std::vector<PartitionStage>(stages, {1, kUnlimited}));
  BIGMAC_CHECK(found.has_value());
  return std::move(found->first);
}

StagePartition partition_stages(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                const LlmProfiles& llm, std::optional<Partition> stated) {
  const Pipeline& pipeline = costs.pipeline;
  if (llm.layers->layers.size() < pipeline.stages()) refuse_few(pipeline.stages(), llm.layers->layers.size());
  const std::vector<PartitionLayer> layers = layers_of(llm, llm_layer_states(job, plan, *llm.layers));
  std::vector<double> rooms;
  if (job.memory_limit && (!stated || llm.again)) {
    const double room = static_cast<double>(job.memory_limit->value) - buffer_bytes(costs);
    rooms = {room - side_bytes(job, plan, costs), room};
  }
  if (stated) {
    StagePartition out = keep(layers, stages_with(pipeline, layers, rooms.empty() ? kUnlimited : rooms[0]), *stated);
    if (!llm.again) out.again.clear();
    return out;
  }
  for (const double room : rooms)
    if (auto found = partition_within(layers, stages_with(pipeline, layers, room)))
      return {std::move(found->first), llm.again ? std::move(found->again) : std::vector<std::uint32_t>{}};
  auto found = partition_within(layers, stages_with(pipeline, layers, kUnlimited));
  BIGMAC_CHECK(found.has_value());
  // Nothing fits: with partial recompute everything runs again, which needs least.
  if (llm.again && !rooms.empty()) return keep(layers, stages_with(pipeline, layers, 0), std::move(found->first));
  return {std::move(found->first), llm.again ? std::move(found->again) : std::vector<std::uint32_t>{}};
}

LayerCost stage_cost(const LlmProfiles& llm, const PlanCosts& costs, std::uint32_t stage) {
  const std::vector<LayerCost>& layers = llm.layers->layers;
  const std::uint32_t begin = costs.partition[stage], end = costs.partition[stage + 1];
  if (costs.again.empty() || costs.again[stage] == 0) return sum_of(layers.data() + begin, layers.data() + end);
  std::vector<LayerCost> own(layers.begin() + begin, layers.begin() + end);
  std::uint32_t left = costs.again[stage];
  for (std::size_t i = 0; i < own.size() && left > 0; ++i) {
    const LayerCost& again = llm.again->layers[begin + i];
    if (again.activation_bytes >= own[i].activation_bytes) continue;
    own[i] = again;
    --left;
  }
  return sum_of(own.data(), own.data() + own.size());
}

}  // namespace bigmac
