// Layers around an encoder's transformer blocks: patches in, LLM tokens out.

#include "bigmac/workload/layers.h"

namespace bigmac {

Layer patch_layer(const PatchShape& shape) {
  Layer layer;
  layer.kind = LayerKind::embedding;
  layer.width = shape.width;
  layer.norms = 0;
  layer.other_parameters = (shape.positions + shape.class_tokens) * shape.width;
  layer.linears.push_back({.name = "patches",
                           .in = shape.channels * shape.patch * shape.patch * shape.frames,
                           .out = shape.width,
                           .role = LinearRole::embedding_like,
                           .split = Split::replicated,
                           .bias = shape.bias});
  return layer;
}

void add_projector(Layer& layer, const ProjectorShape& shape, const std::string& prefix) {
  const std::int64_t merged = shape.merge * shape.merge;
  const double share = 1.0 / static_cast<double>(merged);
  std::int64_t in = shape.width * merged;
  layer.other_parameters += shape.norm_parameters;
  if (shape.hidden > 0) {
    layer.linears.push_back({.name = prefix + "_hidden",
                             .in = in,
                             .out = shape.hidden,
                             .split = Split::column,
                             .bias = shape.bias,
                             .token_share = share});
    in = shape.hidden;
  }
  layer.linears.push_back({.name = prefix + "_out",
                           .in = in,
                           .out = shape.out,
                           .split = shape.hidden > 0 ? Split::row : Split::replicated,
                           .bias = shape.bias,
                           .token_share = share});
}

Layer projector_layer(const ProjectorShape& shape) {
  Layer layer;
  layer.kind = LayerKind::projector;
  layer.width = shape.width;
  layer.norms = shape.norm_parameters > 0 ? 1 : 0;
  add_projector(layer, shape, "projector");
  return layer;
}

void retarget(Module& encoder, std::int64_t width) {
  for (Layer& layer : encoder.layers)
    for (Linear& linear : layer.linears)
      if (linear.name == "projector_out" || linear.name == "deepstack_out") linear.out = width;
  encoder.output_width = width;
}

}  // namespace bigmac
