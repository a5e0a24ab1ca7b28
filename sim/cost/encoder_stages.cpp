// An encoder of S stages lies on S consecutive ranks (PP_enc of Optimus, 2408.03505, section 4.1): each holds 1/S of
// its weights, and of the activations of every microbatch that passes.
//
//   4 ranks, encoder_pp = 2, an encoder of layers 3 2 2 2 2 3 (patch embedding and projector at its ends): ranks 0 and
//   2 hold 3 2 2, ranks 1 and 3 hold 2 2 3; a microbatch passes ranks 0 and 1, or 2 and 3.
//
// Stages are even, not what evens out the ranks beside their LLM stages: a pipeline goes at the pace of its dearest
// stage (tried: up to 12 % slower under columns, within 1 % either way under hybrid).
#include "encoder_stages.h"

#include <fmt/format.h>

#include "bigmac/base/error.h"

namespace bigmac {

Partition encoder_cut(const SideCosts& encoder, std::uint32_t microbatches, std::uint32_t stages) {
  const auto count = static_cast<std::uint32_t>(encoder.kind.size());
  if (stages == 1) return {0, count};
  if (count < stages)
    bad_input("parallel",
              fmt::format("encoder_pp {} cuts an encoder of {} layers; each stage needs one", stages, count));
  std::vector<LayerCost> mean(count);
  for (std::uint32_t m = 0; m < microbatches; ++m)
    for (std::uint32_t i = 0; i < count; ++i) {
      const LayerCost& layer = encoder.layer(m, i);
      mean[i].forward_us += (layer.forward_us + layer.input_gradient_us + layer.weight_gradient_us) / microbatches;
    }
  return partition_layers(mean, stages);
}

LayerCost encoder_stage_cost(const SideCosts& encoder, const Partition& cut, std::uint32_t stage, std::uint32_t m) {
  if (cut.size() == 2) return encoder.by_microbatch[m];
  std::vector<LayerCost> layers;
  for (std::uint32_t i = cut[stage]; i < cut[stage + 1]; ++i) layers.push_back(encoder.layer(m, i));
  return sum_of(layers.data(), layers.data() + layers.size());
}

}  // namespace bigmac
