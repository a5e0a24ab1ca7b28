// What every vision tower shares: the numbers of its blocks, its patches, its projector. *_json.cpp files only.
//
// A tower is patches -> blocks -> projector. Its tokens are patches; class tokens (CLIP, InternViT, Llama 4: one
// per image) count as parameters but not as tokens.
#pragma once

#include "importers.h"

namespace bigmac {

/// The numbers every tower's blocks are made of.
struct Tower {
  std::int64_t layers = 0;
  std::int64_t width = 0;
  Norm norm = Norm::layer;
  AttentionSizes attention;
  MlpShape mlp;
};

/// Layer norms, plain MLP and biases until changed. `mlp_key` may be nullptr: the caller sets the width.
Tower read_tower(const JsonReader& vision, const char* layers_key, const char* width_key, const char* heads_key,
                 const char* mlp_key);
/// The same under the keys that most towers use (hidden_size, num_hidden_layers, ...).
Tower read_plain_tower(const JsonReader& vision);
Layer tower_block(const Tower& tower, std::int64_t window = 0);
void add_blocks(Module& module, const Tower& tower);

/// An encoder without layers yet.
Module empty_encoder(std::int64_t width, std::int64_t llm_width, std::int64_t patch, std::int64_t merge,
                     std::int64_t image_side = 0);
PatchShape read_patches(const JsonReader& vision, std::int64_t width);
/// Patches of an image of the fixed side; fails where it is smaller than one.
std::int64_t grid_patches(const JsonReader& vision, std::int64_t side, std::int64_t patch);
/// Pixel shuffle by 0.5 merges 2 x 2 patches.
std::int64_t merge_of_ratio(const JsonReader& reader, const char* key);
/// A projector of two products and a third onto the LLM's width.
Layer longer_projector(const ProjectorShape& shape, std::int64_t llm_width, bool bias);

}  // namespace bigmac
