// Vision towers with their projectors: CLIP (LLaVA), InternViT, Pixtral, Llama 4, MoonViT, Gemma 4.

#include "vision_tower.h"

namespace bigmac {

// LLaVA's CLIP tower; transformers runs all its layers, of which the last may go unused (vision_feature_layer).
Module read_clip_vision(const JsonReader& vision, std::int64_t llm_width, Notes& notes) {
  const Tower tower = read_plain_tower(vision);
  const std::int64_t patch = size_at(vision, "patch_size", kMaxPatch), side = size_at(vision, "image_size", 65536);
  PatchShape shape = read_patches(vision, tower.width);
  shape.class_tokens = 1;
  shape.positions = grid_patches(vision, side, patch) + 1;
  Module module = empty_encoder(tower.width, llm_width, patch, 1, side);
  module.layers.push_back(patch_layer(shape));
  // The norms before and after the blocks.
  module.layers.back().other_parameters += 2 * norm_parameters(Norm::layer, tower.width);
  add_blocks(module, tower);
  module.layers.push_back(projector_layer({.width = tower.width, .hidden = llm_width, .out = llm_width}));
  notes.push_back(vision.where() + ": all layers of the tower are counted, whichever layer the projector reads");
  return module;
}

// The tower's MoE keys are dead (use_moe is false); layer scales are two vectors per block.
Module read_intern_vision(const JsonReader& root, const JsonReader& vision, std::int64_t llm_width) {
  Tower tower = read_plain_tower(vision);
  if (flag_or(vision, "use_moe", false)) vision.at("use_moe").fail("towers with experts are not supported");
  tower.attention.qkv_bias = flag_or(vision, "qkv_bias", true);
  tower.norm = vision.string_or("norm_type", "layer_norm") == "rms_norm" ? Norm::rms : Norm::layer;
  const std::int64_t merge = merge_of_ratio(root, "downsample_ratio");
  const std::int64_t patch = size_at(vision, "patch_size", kMaxPatch);
  const std::int64_t side = size_or(root, "force_image_size", size_at(vision, "image_size", 65536), 65536);
  PatchShape shape = read_patches(vision, tower.width);
  shape.bias = true;
  shape.class_tokens = 1;
  shape.positions = grid_patches(vision, side, patch) + 1;
  Module module = empty_encoder(tower.width, llm_width, patch, merge, side);
  module.layers.push_back(patch_layer(shape));
  add_blocks(module, tower);
  for (Layer& layer : module.layers) {
    if (layer.kind != LayerKind::transformer) continue;
    layer.other_parameters += 2 * tower.width;
    if (flag_or(vision, "qk_normalization", false)) layer.other_parameters += 2 * tower.width;
  }
  module.layers.push_back(projector_layer({.width = tower.width,
                                           .merge = merge,
                                           .hidden = llm_width,
                                           .out = llm_width,
                                           .norm_parameters = 2 * tower.width * merge * merge}));
  return module;
}

// Pixtral under Mistral's projector: norm, a merging product, then two products.
Module read_pixtral_vision(const JsonReader& root, const JsonReader& vision, std::int64_t llm_width) {
  Tower tower = read_plain_tower(vision);
  tower.norm = Norm::rms;
  tower.attention.qkv_bias = tower.attention.out_bias = false;
  tower.mlp = {.width = tower.mlp.width, .gated = true, .bias = false};
  const std::int64_t merge = size_or(root, "spatial_merge_size", 2, kMaxMerge);
  Module module = empty_encoder(tower.width, llm_width, size_at(vision, "patch_size", kMaxPatch), merge);
  module.layers.push_back(patch_layer(read_patches(vision, tower.width)));
  module.layers.back().other_parameters += tower.width;
  add_blocks(module, tower);
  // The merging product has no bias; both products after it have one or none.
  const bool bias = flag_or(root, "multimodal_projector_bias", false);
  Layer projector = longer_projector({.width = tower.width,
                                      .merge = merge,
                                      .hidden = tower.width,
                                      .out = llm_width,
                                      .bias = false,
                                      .norm_parameters = tower.width},
                                     llm_width, bias);
  projector.linears[1].bias = bias;
  module.layers.push_back(std::move(projector));
  return module;
}

// CLIP-like; pixel shuffle, an adapter of two products, and one more onto the LLM's width.
Module read_llama4_vision(const JsonReader& vision, std::int64_t llm_width) {
  const Tower tower = read_plain_tower(vision);
  const std::int64_t side = size_at(vision, "image_size", 65536);
  const std::int64_t merge = merge_of_ratio(vision, "pixel_shuffle_ratio");
  PatchShape shape = read_patches(vision, tower.width);
  shape.class_tokens = 1;
  shape.positions = grid_patches(vision, side, shape.patch) + 1;
  Module module = empty_encoder(tower.width, llm_width, shape.patch, merge, side);
  module.layers.push_back(patch_layer(shape));
  module.layers.back().other_parameters += 2 * norm_parameters(Norm::layer, tower.width);
  add_blocks(module, tower);
  const ProjectorShape adapter{.width = tower.width,
                               .merge = merge,
                               .hidden = size_at(vision, "projector_input_dim"),
                               .out = size_at(vision, "projector_output_dim"),
                               .bias = false};
  module.layers.push_back(longer_projector(adapter, llm_width, false));
  return module;
}

Module read_moon_vision(const JsonReader& vision, std::int64_t llm_width) {
  const Tower tower =
      read_tower(vision, "vt_num_hidden_layers", "vt_hidden_size", "vt_num_attention_heads", "vt_intermediate_size");
  const auto kernel = vision.at("merge_kernel_size").items();
  if (kernel.size() != 2 || kernel[0].integer(1, kMaxMerge) != kernel[1].integer(1, kMaxMerge))
    vision.at("merge_kernel_size").fail("expected two equal integers");
  const std::int64_t merge = kernel[0].integer(1, kMaxMerge), merged = tower.width * merge * merge;
  PatchShape shape = read_patches(vision, tower.width);
  shape.bias = true;
  shape.positions = size_at(vision, "init_pos_emb_height", 4096) * size_at(vision, "init_pos_emb_width", 4096);
  Module module = empty_encoder(tower.width, llm_width, shape.patch, merge);
  module.layers.push_back(patch_layer(shape));
  add_blocks(module, tower);
  // The tower's last norm and the projector's first.
  module.layers.push_back(projector_layer({.width = tower.width,
                                           .merge = merge,
                                           .hidden = merged,
                                           .out = llm_width,
                                           .norm_parameters = 2 * norm_parameters(Norm::layer, tower.width)}));
  return module;
}

// Pools pooling_kernel_size x pooling_kernel_size patches by their mean, then one product.
Module read_gemma4_vision(const JsonReader& vision, std::int64_t llm_width) {
  Tower tower = read_plain_tower(vision);
  tower.norm = Norm::rms;
  tower.attention.qkv_bias = tower.attention.out_bias = flag_or(vision, "attention_bias", false);
  tower.attention.qk_norm = true;
  tower.mlp = {.width = tower.mlp.width, .gated = true, .bias = false};
  PatchShape shape = read_patches(vision, tower.width);
  shape.positions = 2 * size_at(vision, "position_embedding_size", kMaxVocabulary);
  const std::int64_t merge = size_or(vision, "pooling_kernel_size", 3, kMaxMerge);
  Module module = empty_encoder(tower.width, llm_width, shape.patch, merge);
  module.layers.push_back(patch_layer(shape));
  add_blocks(module, tower);
  for (Layer& layer : module.layers)
    if (layer.kind == LayerKind::transformer) layer.norms = 4, layer.other_parameters += 2 * tower.width;
  Layer projector = projector_layer({.width = tower.width,
                                     .merge = 1,
                                     .out = llm_width,
                                     .bias = false,
                                     .norm_parameters = flag_or(vision, "standardize", false) ? 2 * tower.width : 0});
  projector.linears.back().token_share = 1.0 / static_cast<double>(merge * merge);
  module.layers.push_back(std::move(projector));
  return module;
}

}  // namespace bigmac
