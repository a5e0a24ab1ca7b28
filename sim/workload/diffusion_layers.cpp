// The MMDiT: joint attention of an image and a condition stream, every block modulated by one vector per sample.

#include "bigmac/workload/layers.h"

namespace bigmac {
namespace {

/// One stream of a double block: modulation, its share of the joint attention, its MLP.
void add_stream(Layer& layer, const std::string& stream, const DiffusionShape& shape, bool full) {
  const std::int64_t width = shape.heads * shape.head_dim;
  const auto product = [&](const char* name, std::int64_t in, std::int64_t out, LinearRole role, Split split) {
    const double share = role == LinearRole::modulation ? 0 : 0.5;
    layer.linears.push_back({.name = stream + name,
                             .in = in,
                             .out = out,
                             .role = role,
                             .split = split,
                             .bias = true,
                             .token_share = share});
  };
  product("_modulation", width, (full ? 6 : 2) * width, LinearRole::modulation, Split::column);
  product("_qkv", width, 3 * width, LinearRole::attention, Split::column);
  if (shape.qk_norm) layer.other_parameters += 2 * shape.head_dim;
  if (!full) return;
  product("_attention_out", width, width, LinearRole::attention, Split::row);
  product("_up", width, 4 * width, LinearRole::mlp, Split::column);
  product("_down", 4 * width, width, LinearRole::mlp, Split::row);
}

Layer block(const DiffusionShape& shape) {
  Layer layer;
  layer.width = shape.heads * shape.head_dim;
  layer.attention = AttentionCore{.heads = shape.heads,
                                  .kv_heads = shape.heads,
                                  .qk_dim = shape.head_dim,
                                  .v_dim = shape.head_dim,
                                  .causal = false,
                                  .window = 0};
  return layer;
}

Layer double_stream_layer(const DiffusionShape& shape, bool is_last) {
  Layer layer = block(shape);
  add_stream(layer, "image", shape, true);
  add_stream(layer, "condition", shape, !(is_last && shape.last_condition_dropped));
  return layer;
}

// Attention and MLP in parallel on one stream (Flux); the output product takes both side by side.
Layer single_stream_layer(const DiffusionShape& shape) {
  const std::int64_t width = shape.heads * shape.head_dim;
  Layer layer = block(shape);
  layer.norms = 1;
  const auto product = [&](const char* name, std::int64_t in, std::int64_t out, LinearRole role, Split split) {
    const double share = role == LinearRole::modulation ? 0 : 1;
    layer.linears.push_back(
        {.name = name, .in = in, .out = out, .role = role, .split = split, .bias = true, .token_share = share});
  };
  product("modulation", width, 3 * width, LinearRole::modulation, Split::column);
  product("qkv", width, 3 * width, LinearRole::attention, Split::column);
  product("up", width, 4 * width, LinearRole::mlp, Split::column);
  product("attention_mlp_out", 5 * width, width, LinearRole::mlp, Split::row);
  if (shape.qk_norm) layer.other_parameters += 2 * shape.head_dim;
  return layer;
}

void add_product(Layer& layer, const char* name, std::int64_t in, std::int64_t out, double share) {
  layer.linears.push_back({.name = name,
                           .in = in,
                           .out = out,
                           .role = share == 0 ? LinearRole::modulation : LinearRole::embedding_like,
                           .split = Split::replicated,
                           .bias = true,
                           .token_share = share});
}

Layer input_layer(const DiffusionShape& shape) {
  Layer layer;
  layer.kind = LayerKind::embedding;
  layer.width = shape.heads * shape.head_dim;
  layer.norms = shape.condition_norm ? 1 : 0;
  layer.other_parameters = shape.condition_norm ? shape.condition_width : 0;
  add_product(layer, "patches", shape.patch_elements_in, layer.width, 0.5);
  add_product(layer, "conditions", shape.condition_width, layer.width, 0.5);
  for (const std::int64_t in : shape.vector_inputs) {
    add_product(layer, "vector_in", in, layer.width, 0);
    add_product(layer, "vector_out", layer.width, layer.width, 0);
  }
  return layer;
}

Layer output_layer(const DiffusionShape& shape) {
  Layer layer;
  layer.kind = LayerKind::head;
  layer.width = shape.heads * shape.head_dim;
  layer.norms = 1;
  add_product(layer, "modulation", layer.width, 2 * layer.width, 0);
  add_product(layer, "patches", layer.width, shape.patch_elements_out, 1);
  return layer;
}

}  // namespace

Module diffusion_module(const DiffusionShape& shape, std::int64_t pixels) {
  Module module;
  module.name = "generator";
  module.role = Role::generator;
  module.width = module.output_width = shape.heads * shape.head_dim;
  module.patch = pixels;
  module.layers.push_back(input_layer(shape));
  for (std::int64_t i = 0; i < shape.double_layers; ++i)
    module.layers.push_back(double_stream_layer(shape, i + 1 == shape.double_layers));
  for (std::int64_t i = 0; i < shape.single_layers; ++i) module.layers.push_back(single_stream_layer(shape));
  module.layers.push_back(output_layer(shape));
  return module;
}

std::int64_t condition_width(const Module& generator) {
  for (const Linear& linear : generator.layers.front().linears)
    if (linear.name == "conditions") return linear.in;
  return 0;
}

void retarget_conditions(Module& generator, std::int64_t width) {
  Layer& input = generator.layers.front();
  if (input.other_parameters > 0) input.other_parameters = width;
  for (Linear& linear : input.linears)
    if (linear.name == "conditions") linear.in = width;
}

}  // namespace bigmac
