#include "vision_tower.h"

namespace bigmac {

Tower read_tower(const JsonReader& vision, const char* layers_key, const char* width_key, const char* heads_key,
                 const char* mlp_key) {
  Tower tower;
  tower.layers = size_at(vision, layers_key, kMaxLayers);
  tower.width = size_at(vision, width_key);
  tower.attention.heads = size_at(vision, heads_key);
  tower.attention.kv_heads = tower.attention.heads;
  tower.attention.head_dim = divided_head_dim(vision, width_key, tower.width, heads_key, tower.attention.heads);
  tower.attention.causal = false;
  tower.attention.qkv_bias = tower.attention.out_bias = true;
  tower.mlp = {.width = mlp_key ? size_at(vision, mlp_key) : 0, .gated = false, .bias = true};
  return tower;
}

Tower read_plain_tower(const JsonReader& vision) {
  return read_tower(vision, "num_hidden_layers", "hidden_size", "num_attention_heads", "intermediate_size");
}

Layer tower_block(const Tower& tower, std::int64_t window) {
  Layer layer = transformer_layer(tower.width, tower.norm);
  AttentionSizes attention = tower.attention;
  attention.window = window;
  add_attention(layer, attention);
  add_mlp(layer, tower.mlp);
  return layer;
}

Module empty_encoder(std::int64_t width, std::int64_t llm_width, std::int64_t patch, std::int64_t merge,
                     std::int64_t image_side) {
  Module module;
  module.name = "encoder";
  module.role = Role::encoder;
  module.width = width;
  module.output_width = llm_width;
  module.patch = patch;
  module.merge = merge;
  module.image_side = image_side;
  return module;
}

void add_blocks(Module& module, const Tower& tower) {
  for (std::int64_t i = 0; i < tower.layers; ++i) module.layers.push_back(tower_block(tower));
}

PatchShape read_patches(const JsonReader& vision, std::int64_t width) {
  PatchShape shape;
  shape.channels = size_or(vision, vision.has("in_chans") ? "in_chans" : "in_channels", 3, 64);
  shape.patch = size_at(vision, "patch_size", kMaxPatch);
  shape.frames = size_or(vision, "temporal_patch_size", 1, 64);
  shape.width = width;
  return shape;
}

std::int64_t grid_patches(const JsonReader& vision, std::int64_t side, std::int64_t patch) {
  if (side < patch) vision.fail("the image side is smaller than one patch");
  return (side / patch) * (side / patch);
}

std::int64_t merge_of_ratio(const JsonReader& reader, const char* key) {
  return static_cast<std::int64_t>(1 / reader.number_or(key, 0.5, 1.0 / kMaxMerge, 1) + 0.5);
}

Layer longer_projector(const ProjectorShape& shape, std::int64_t llm_width, bool bias) {
  Layer layer = projector_layer(shape);
  Linear& inner = layer.linears.back();
  inner.name = "projector_inner";
  layer.linears.push_back({.name = "projector_out",
                           .in = shape.out,
                           .out = llm_width,
                           .split = Split::replicated,
                           .bias = bias,
                           .token_share = inner.token_share});
  return layer;
}

}  // namespace bigmac
