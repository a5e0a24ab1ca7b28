// Modules given in full in our own model files: gpt, llama, vit, mmdit. The keys are documented in own_model_json.cpp.

#include <fmt/format.h>

#include "importers.h"

namespace bigmac {
namespace {

/// The attention every kind shares.
AttentionSizes read_attention(const JsonReader& module, std::int64_t hidden, bool causal, bool bias) {
  AttentionSizes shape;
  shape.heads = size_at(module, "heads");
  shape.kv_heads = size_or(module, "kv_heads", shape.heads);
  const auto head_dim = given(module, "head_dim");
  shape.head_dim =
      head_dim ? head_dim->integer(1, kMaxWidth) : divided_head_dim(module, "hidden", hidden, "heads", shape.heads);
  check_heads(module, shape.heads, shape.kv_heads, shape.head_dim);
  shape.causal = causal;
  shape.qkv_bias = shape.out_bias = flag_or(module, "bias", bias);
  shape.qk_norm = flag_or(module, "qk_norm", false);
  return shape;
}

MlpShape read_mlp(const JsonReader& module, std::int64_t hidden, bool gated, bool bias, Notes& notes) {
  MlpShape shape;
  shape.gated = flag_or(module, "gated", gated);
  shape.bias = flag_or(module, "bias", bias);
  if (gated || given(module, "mlp")) {
    shape.width = size_at(module, "mlp");
  } else {
    shape.width = 4 * hidden;
    notes.push_back(fmt::format("{}: 'mlp' is absent: 4 x hidden = {}", module.where(), shape.width));
  }
  return shape;
}

ExpertShape read_experts(const JsonReader& experts) {
  ExpertShape shape;
  shape.count = size_at(experts, "count", kMaxExperts);
  shape.active = experts.at("active").integer(1, shape.count);
  shape.width = size_at(experts, "mlp");
  shape.shared_width = experts.integer_or("shared_mlp", 0, 0, kMaxWidth);
  return shape;
}

Layer read_projector(const JsonReader& module, std::int64_t hidden, std::int64_t merge, std::int64_t llm_width,
                     Notes& notes) {
  ProjectorShape shape{.width = hidden, .merge = merge, .out = llm_width};
  if (const auto projector = given(module, "projector")) {
    projector->note_unknown({"hidden", "bias", "norm"}, notes);
    shape.hidden = projector->integer_or("hidden", 0, 0, kMaxWidth);
    shape.bias = flag_or(*projector, "bias", true);
    if (flag_or(*projector, "norm", false)) shape.norm_parameters = norm_parameters(Norm::layer, hidden);
  } else {
    notes.push_back(module.where() + ": 'projector' is absent: one product onto the LLM's width");
  }
  return projector_layer(shape);
}

}  // namespace

Module read_explicit_llm(const JsonReader& module, const std::string& kind, Notes& notes) {
  const bool is_gpt = kind == "gpt";
  module.note_unknown({"name", "kind", "layers", "hidden", "heads", "kv_heads", "head_dim", "mlp", "gated", "bias",
                       "qk_norm", "tied", "vocabulary", "positions", "experts", "source", "assumed"},
                      notes);
  const Norm norm = is_gpt ? Norm::layer : Norm::rms;
  const std::int64_t hidden = size_at(module, "hidden"), layers = size_at(module, "layers", kMaxLayers);
  const std::int64_t vocabulary = size_at(module, "vocabulary", kMaxVocabulary);
  const AttentionSizes attention = read_attention(module, hidden, true, is_gpt);
  const auto experts = given(module, "experts");
  const std::int64_t dense = experts ? experts->integer_or("dense_layers", 0, 0, layers) : layers;
  const MlpShape mlp = dense > 0 ? read_mlp(module, hidden, !is_gpt, is_gpt, notes) : MlpShape{};
  const ExpertShape expert_shape = experts ? read_experts(*experts) : ExpertShape{};
  Module out;
  out.name = "llm";
  out.width = out.output_width = hidden;
  out.tied_embeddings = flag_or(module, "tied", is_gpt);
  out.layers.push_back(embedding_layer(vocabulary, hidden, module.integer_or("positions", 0, 0, kMaxVocabulary)));
  for (std::int64_t i = 0; i < layers; ++i) {
    Layer layer = transformer_layer(hidden, norm);
    add_attention(layer, attention);
    if (i < dense) add_mlp(layer, mlp);
    else add_experts(layer, expert_shape);
    out.layers.push_back(std::move(layer));
  }
  out.layers.push_back(head_layer(vocabulary, hidden, norm));
  return out;
}

// Without an LLM (width 0) the projector keeps the tower's width until a file that has one refers to it.
Module read_explicit_vit(const JsonReader& module, std::int64_t llm_width, Notes& notes) {
  module.note_unknown({"name",     "kind",   "layers",    "hidden",    "heads",  "kv_heads", "head_dim",
                       "mlp",      "gated",  "bias",      "qk_norm",   "patch",  "merge",    "image_side",
                       "channels", "frames", "positions", "projector", "source", "assumed"},
                      notes);
  const std::int64_t hidden = size_at(module, "hidden"), layers = size_at(module, "layers", kMaxLayers);
  const AttentionSizes attention = read_attention(module, hidden, false, true);
  const MlpShape mlp = read_mlp(module, hidden, false, true, notes);
  Module out;
  out.name = "encoder";
  out.role = Role::encoder;
  out.width = hidden;
  out.output_width = llm_width > 0 ? llm_width : hidden;
  out.patch = size_at(module, "patch", kMaxPatch);
  out.merge = size_or(module, "merge", 1, kMaxMerge);
  out.image_side = module.integer_or("image_side", 0, 0, 65536);
  if (out.image_side % (out.patch * out.merge) != 0)
    module.at("image_side").fail(fmt::format("expected a multiple of patch x merge = {}", out.patch * out.merge));
  const std::int64_t side = out.image_side / out.patch;
  out.layers.push_back(patch_layer({.channels = size_or(module, "channels", 3, 64),
                                    .patch = out.patch,
                                    .frames = size_or(module, "frames", 1, 64),
                                    .width = hidden,
                                    .bias = flag_or(module, "bias", true),
                                    .positions = module.integer_or("positions", side * side, 0, kMaxVocabulary)}));
  for (std::int64_t i = 0; i < layers; ++i) {
    Layer layer = transformer_layer(hidden, Norm::layer);
    add_attention(layer, attention);
    add_mlp(layer, mlp);
    out.layers.push_back(std::move(layer));
  }
  out.layers.push_back(read_projector(module, hidden, out.merge, out.output_width, notes));
  return out;
}

Module read_explicit_mmdit(const JsonReader& module, Notes& notes) {
  module.note_unknown({"name", "kind", "layers", "single_layers", "hidden", "heads", "head_dim", "latent_channels",
                       "patch", "vae", "condition", "qk_norm", "source", "assumed"},
                      notes);
  DiffusionShape shape;
  const std::int64_t hidden = size_at(module, "hidden");
  shape.heads = size_at(module, "heads");
  shape.head_dim = divided_head_dim(module, "hidden", hidden, "heads", shape.heads);
  if (size_or(module, "head_dim", shape.head_dim) != shape.head_dim)
    module.at("head_dim").fail(fmt::format("expected hidden / heads = {}", shape.head_dim));
  shape.double_layers = size_at(module, "layers", kMaxLayers);
  shape.single_layers = module.integer_or("single_layers", 0, 0, kMaxLayers);
  const std::int64_t patch = size_at(module, "patch", 64);
  shape.patch_elements_in = shape.patch_elements_out = size_at(module, "latent_channels", 65536) * patch * patch;
  shape.condition_width = size_at(module, "condition");
  shape.vector_inputs = {256};
  shape.qk_norm = flag_or(module, "qk_norm", true);
  return diffusion_module(shape, patch * size_or(module, "vae", 8, 64));
}

}  // namespace bigmac
