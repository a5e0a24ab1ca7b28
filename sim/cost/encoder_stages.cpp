// An encoder of S stages lies on S consecutive ranks (PP_enc of Optimus, 2408.03505, section 4.1): each holds 1/S of
// its weights, and of the activations of every microbatch that passes. Stages are cut beside the LLM's, so that a rank
// with less of that takes more layers: what is evened out is the work of ranks, not of stages.
//
//   4 ranks, encoder_pp = 2, an encoder of layers 3 2 2 2 2 3 (patch embedding and projector at its ends): ranks 0 and
//   2 hold 3 2 2, ranks 1 and 3 hold 2 2 3; a microbatch passes ranks 0 and 1, or 2 and 3.
#include "encoder_stages.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "bigmac/base/error.h"

namespace bigmac {

namespace {

double work_us(const LayerCost& layer) { return layer.forward_us + layer.input_gradient_us + layer.weight_gradient_us; }

/// Mean work of each layer, with nothing to hold.
std::vector<PartitionLayer> mean_layers(const SideCosts& encoder, std::uint32_t microbatches) {
  std::vector<PartitionLayer> out(encoder.kind.size());
  for (std::uint32_t i = 0; i < out.size(); ++i) {
    double sum = 0;
    for (std::uint32_t m = 0; m < microbatches; ++m) sum += work_us(encoder.layer(m, i));
    out[i].work = std::llround(1e3 * sum / microbatches);
  }
  return out;
}

Partition cut_of(const std::vector<PartitionLayer>& layers, const std::vector<std::int64_t>& beside) {
  if (layers.size() < beside.size())
    bad_input("parallel", fmt::format("encoder_pp {} cuts an encoder of {} layers; each stage needs one", beside.size(),
                                      layers.size()));
  std::vector<PartitionStage> stages;
  for (const std::int64_t work : beside) stages.push_back({1, std::numeric_limits<double>::infinity(), work});
  auto found = partition_within(layers, stages);
  BIGMAC_CHECK(found.has_value());
  return std::move(found->first);
}

/// LLM work of one microbatch by rank.
std::vector<std::int64_t> llm_work(const PlanCosts& costs) {
  std::vector<std::int64_t> out(costs.pipeline.ranks, 0);
  for (std::uint32_t stage = 0; stage < costs.pipeline.stages(); ++stage)
    for (const OpKind kind : {OpKind::forward, OpKind::backward}) {
      const StageId id{static_cast<std::uint16_t>(stage)};
      out[stage % costs.pipeline.ranks] +=
          costs.table.duration[costs.table.slot(kLlm, kind, id, MicrobatchId{0})].value;
    }
  return out;
}

}  // namespace

Partition encoder_cut(const SideCosts& encoder, std::uint32_t microbatches, std::uint32_t stages) {
  if (stages == 1) return {0, static_cast<std::uint32_t>(encoder.kind.size())};
  return cut_of(mean_layers(encoder, microbatches), std::vector<std::int64_t>(stages, 0));
}

std::vector<Partition> cuts_beside_llm(const PlanCosts& costs) {
  const Pipeline& pipeline = costs.pipeline;
  const std::uint32_t stages = pipeline.encoder_stages(), pipelines = pipeline.ranks / stages;
  // Of every `pipelines` microbatches of the LLM a rank runs its encoder stage for one.
  const std::vector<std::int64_t> llm = llm_work(costs);
  std::vector<std::int64_t> beside(stages, 0);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
    beside[rank % stages] = std::max(beside[rank % stages], llm[rank] * pipelines);
  std::vector<Partition> out;
  for (const SharedSide& encoder : costs.encoders) {
    const std::vector<PartitionLayer> layers = mean_layers(*encoder, pipeline.microbatches);
    out.push_back(cut_of(layers, beside));
    for (std::uint32_t stage = 0; stage < stages; ++stage)
      for (std::uint32_t i = out.back()[stage]; i < out.back()[stage + 1]; ++i) beside[stage] += layers[i].work;
  }
  return out;
}

LayerCost encoder_stage_cost(const SideCosts& encoder, const Partition& cut, std::uint32_t stage, std::uint32_t m) {
  if (cut.size() == 2) return encoder.by_microbatch[m];
  std::vector<LayerCost> layers;
  for (std::uint32_t i = cut[stage]; i < cut[stage + 1]; ++i) layers.push_back(encoder.layer(m, i));
  return sum_of(layers.data(), layers.data() + layers.size());
}

}  // namespace bigmac
