// The vision towers of Qwen2-VL, Qwen2.5-VL and Qwen3-VL (and Qwen3.5) with their mergers.

#include <algorithm>

#include "vision_tower.h"

namespace bigmac {

Module read_qwen2_vision(const JsonReader& vision, std::int64_t llm_width) {
  Tower tower = read_tower(vision, "depth", "embed_dim", "num_heads", nullptr);
  const double ratio = vision.number_or("mlp_ratio", 4, 0.01, 100);
  tower.mlp.width = std::max<std::int64_t>(1, static_cast<std::int64_t>(ratio * static_cast<double>(tower.width)));
  const std::int64_t merge = size_or(vision, "spatial_merge_size", 2, kMaxMerge), merged = tower.width * merge * merge;
  Module module = empty_encoder(tower.width, llm_width, size_at(vision, "patch_size", kMaxPatch), merge);
  module.layers.push_back(patch_layer(read_patches(vision, tower.width)));
  add_blocks(module, tower);
  module.layers.push_back(projector_layer({.width = tower.width,
                                           .merge = merge,
                                           .hidden = merged,
                                           .out = llm_width,
                                           .norm_parameters = norm_parameters(Norm::layer, tower.width)}));
  return module;
}

// Windows of window_size pixels except in the layers listed as full.
Module read_qwen25_vision(const JsonReader& vision, std::int64_t llm_width) {
  Tower tower = read_tower(vision, "depth", "hidden_size", "num_heads", "intermediate_size");
  tower.norm = Norm::rms;
  tower.mlp.gated = true;
  const std::int64_t merge = size_or(vision, "spatial_merge_size", 2, kMaxMerge),
                     patch = size_at(vision, "patch_size", kMaxPatch), merged = tower.width * merge * merge;
  const std::int64_t side = std::max<std::int64_t>(1, size_or(vision, "window_size", 112) / patch);
  std::vector<bool> full(static_cast<std::size_t>(tower.layers), false);
  if (const auto listed = given(vision, "fullatt_block_indexes"))
    for (const JsonReader& item : listed->items())
      full[static_cast<std::size_t>(item.integer(0, tower.layers - 1))] = true;
  Module module = empty_encoder(tower.width, llm_width, patch, merge);
  module.layers.push_back(patch_layer(read_patches(vision, tower.width)));
  for (const bool is_full : full) module.layers.push_back(tower_block(tower, is_full ? 0 : side * side));
  module.layers.push_back(projector_layer(
      {.width = tower.width, .merge = merge, .hidden = merged, .out = llm_width, .norm_parameters = tower.width}));
  return module;
}

// DeepStack (arXiv 2406.04334): mergers of their own after the listed layers feed the LLM's first layers. They
// are products of the layer they follow, so that cutting the tower by layers keeps them in place.
Module read_qwen3_vision(const JsonReader& vision, std::int64_t llm_width) {
  const Tower tower = read_tower(vision, "depth", "hidden_size", "num_heads", "intermediate_size");
  const std::int64_t merge = size_or(vision, "spatial_merge_size", 2, kMaxMerge), merged = tower.width * merge * merge;
  PatchShape patch = read_patches(vision, tower.width);
  patch.bias = true;
  patch.positions = size_at(vision, "num_position_embeddings", kMaxVocabulary);
  Module module = empty_encoder(tower.width, llm_width, patch.patch, merge);
  module.layers.push_back(patch_layer(patch));
  add_blocks(module, tower);
  ProjectorShape merger{.width = tower.width,
                        .merge = merge,
                        .hidden = merged,
                        .out = llm_width,
                        .norm_parameters = norm_parameters(Norm::layer, merged)};
  if (const auto listed = given(vision, "deepstack_visual_indexes")) {
    const auto items = listed->items();
    if (items.size() > 64) listed->fail("expected at most 64 layers");
    for (const JsonReader& item : items)
      add_projector(module.layers[static_cast<std::size_t>(1 + item.integer(0, tower.layers - 1))], merger,
                    "deepstack");
  }
  merger.norm_parameters = norm_parameters(Norm::layer, tower.width);
  module.layers.push_back(projector_layer(merger));
  return module;
}

}  // namespace bigmac
