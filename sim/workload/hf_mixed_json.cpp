// Language models whose layers are of several types: DeepSeek-V3 and Kimi K2 (latent attention, first layers
// dense), Llama 4 (chunked and global attention), Qwen3.5 (linear and full attention), Gemma 4 (sliding and
// global attention, a dense MLP beside the experts).

#include <algorithm>

#include "importers.h"

namespace bigmac {
namespace {

bool tied(const JsonReader& config, const DecoderContext& context, bool fallback) {
  return flag_or(config, "tie_word_embeddings", context.tied.value_or(fallback));
}

/// Grouped-query attention with an explicit head_dim, under the given keys.
AttentionSizes grouped_attention(const JsonReader& config, const char* kv_heads_key, const char* head_dim_key) {
  AttentionSizes shape;
  shape.heads = size_at(config, "num_attention_heads");
  shape.kv_heads = size_at(config, kv_heads_key);
  shape.head_dim = size_at(config, head_dim_key);
  shape.qkv_bias = shape.out_bias = flag_or(config, "attention_bias", false);
  check_heads(config, shape.heads, shape.kv_heads, shape.head_dim);
  return shape;
}

/// `layer_types` as one flag per layer: true where the type is `wanted`, false where it is `other`.
std::vector<bool> layer_types(const JsonReader& config, std::int64_t layers, const std::string& wanted,
                              const std::string& other) {
  const JsonReader list = config.at("layer_types");
  std::vector<bool> flags;
  for (const JsonReader& item : list.items()) {
    const std::string type = item.string();
    if (type != wanted && type != other) item.fail(unknown_name("layer type", type, {wanted, other}));
    flags.push_back(type == wanted);
  }
  if (flags.size() != static_cast<std::size_t>(layers))
    list.fail("expected one entry per layer, " + std::to_string(layers) + ", found " + std::to_string(flags.size()));
  return flags;
}

ExpertShape read_experts(const JsonReader& config, const char* count_key, const char* active_key,
                         const char* width_key) {
  ExpertShape shape;
  shape.count = size_at(config, count_key, kMaxExperts);
  shape.active = config.at(active_key).integer(1, shape.count);
  shape.width = size_at(config, width_key);
  return shape;
}

LatentAttentionShape latent_attention(const JsonReader& config) {
  LatentAttentionShape shape;
  shape.heads = size_at(config, "num_attention_heads");
  shape.query_rank = size_or(config, "q_lora_rank", 0);
  shape.kv_rank = size_at(config, "kv_lora_rank");
  shape.nope_dim = size_at(config, "qk_nope_head_dim");
  shape.rope_dim = size_at(config, "qk_rope_head_dim");
  shape.v_dim = size_at(config, "v_head_dim");
  check_heads(config, shape.heads, shape.heads, shape.nope_dim + shape.rope_dim + shape.v_dim);
  return shape;
}

}  // namespace

// arXiv 2412.19437; the multi-token prediction layer is left out, as in the published 671 B.
Module read_deepseek(const JsonReader& config, const DecoderContext& context) {
  const std::int64_t hidden = size_at(config, "hidden_size");
  const std::int64_t layers = size_at(config, "num_hidden_layers", kMaxLayers);
  const LatentAttentionShape attention = latent_attention(config);
  const std::int64_t dense = config.integer_or("first_k_dense_replace", 0, 0, layers);
  const std::int64_t step = size_or(config, "moe_layer_freq", 1, kMaxLayers);
  const MlpShape mlp{.width = size_at(config, "intermediate_size")};
  ExpertShape experts = read_experts(config, "n_routed_experts", "num_experts_per_tok", "moe_intermediate_size");
  if (const auto shared = given(config, "n_shared_experts"))
    experts.shared_width = experts.width * shared->integer(0, 64);
  if (experts.shared_width > kMaxWidth) config.at("n_shared_experts").fail("shared experts wider than 1000000");
  experts.score_bias = config.string_or("topk_method", "noaux_tc") == "noaux_tc";
  std::vector<Layer> blocks;
  for (std::int64_t i = 0; i < layers; ++i) {
    Layer layer = transformer_layer(hidden, Norm::rms);
    add_latent_attention(layer, attention);
    if (i < dense || i % step != 0) add_mlp(layer, mlp);
    else add_experts(layer, experts);
    blocks.push_back(std::move(layer));
  }
  return language_model(config, hidden, std::move(blocks), tied(config, context, false));
}

// Every fourth layer sees everything, the others their chunk; a shared expert beside the routed ones.
Module read_llama4(const JsonReader& config, const DecoderContext& context) {
  const std::int64_t hidden = size_at(config, "hidden_size");
  const std::int64_t layers = size_at(config, "num_hidden_layers", kMaxLayers);
  const std::int64_t step = size_or(config, "interleave_moe_layer_step", 1, kMaxLayers);
  const std::int64_t chunk = size_or(config, "attention_chunk_size", 0, kMaxVocabulary);
  AttentionSizes attention = grouped_attention(config, "num_key_value_heads", "head_dim");
  ExpertShape experts = read_experts(config, "num_local_experts", "num_experts_per_tok", "intermediate_size");
  experts.shared_width = experts.width;
  const MlpShape mlp{.width = size_at(config, "intermediate_size_mlp")};
  std::vector<Layer> blocks;
  for (std::int64_t i = 0; i < layers; ++i) {
    Layer layer = transformer_layer(hidden, Norm::rms);
    attention.window = (i + 1) % 4 == 0 ? 0 : chunk;
    add_attention(layer, attention);
    if ((i + 1) % step == 0) add_experts(layer, experts);
    else add_mlp(layer, mlp);
    blocks.push_back(std::move(layer));
  }
  return language_model(config, hidden, std::move(blocks), tied(config, context, false));
}

Module read_qwen35(const JsonReader& config, const DecoderContext& context, Notes& notes) {
  const std::int64_t hidden = size_at(config, "hidden_size");
  const std::int64_t layers = size_at(config, "num_hidden_layers", kMaxLayers);
  const std::vector<bool> full = layer_types(config, layers, "full_attention", "linear_attention");
  AttentionSizes attention = grouped_attention(config, "num_key_value_heads", "head_dim");
  attention.qk_norm = true;
  attention.output_gate = flag_or(config, "attn_output_gate", true);
  LinearAttentionShape linear;
  linear.key_heads = size_at(config, "linear_num_key_heads");
  linear.value_heads = size_at(config, "linear_num_value_heads");
  linear.key_dim = size_at(config, "linear_key_head_dim");
  linear.value_dim = size_at(config, "linear_value_head_dim");
  linear.kernel = size_at(config, "linear_conv_kernel_dim", 1024);
  check_heads(config, linear.value_heads, linear.key_heads, std::max(linear.key_dim, linear.value_dim));
  ExpertShape experts = read_experts(config, "num_experts", "num_experts_per_tok", "moe_intermediate_size");
  experts.shared_width = size_at(config, "shared_expert_intermediate_size");
  experts.shared_gate = true;
  notes.push_back(config.where() + ": linear attention is costed as attention over a window of equal FLOPs");
  std::vector<Layer> blocks;
  for (const bool is_full : full) {
    Layer layer = transformer_layer(hidden, Norm::rms);
    if (is_full) add_attention(layer, attention);
    else add_linear_attention(layer, linear);
    add_experts(layer, experts);
    blocks.push_back(std::move(layer));
  }
  return language_model(config, hidden, std::move(blocks), tied(config, context, false));
}

Module read_gemma4(const JsonReader& config, const DecoderContext& context) {
  const std::int64_t hidden = size_at(config, "hidden_size");
  const std::int64_t layers = size_at(config, "num_hidden_layers", kMaxLayers);
  const std::vector<bool> global = layer_types(config, layers, "full_attention", "sliding_attention");
  AttentionSizes sliding = grouped_attention(config, "num_key_value_heads", "head_dim");
  sliding.qk_norm = true;
  sliding.window = size_at(config, "sliding_window", kMaxVocabulary);
  AttentionSizes wide = grouped_attention(config, "num_global_key_value_heads", "global_head_dim");
  wide.qk_norm = true;
  wide.keys_are_values = flag_or(config, "attention_k_eq_v", false);
  const MlpShape mlp{.width = size_at(config, "intermediate_size")};
  const bool has_experts = flag_or(config, "enable_moe_block", false);
  ExpertShape experts;
  if (has_experts) experts = read_experts(config, "num_experts", "top_k_experts", "moe_intermediate_size");
  if (given(config, "hidden_size_per_layer_input") && config.at("hidden_size_per_layer_input").integer(0, kMaxWidth))
    config.at("hidden_size_per_layer_input").fail("per-layer input embeddings are not supported; expected 0");
  std::vector<Layer> blocks;
  for (const bool is_global : global) {
    Layer layer = transformer_layer(hidden, Norm::rms);
    // Norms before and after attention and MLP; with experts three more, a router scale and one per expert.
    layer.norms = has_experts ? 7 : 4;
    layer.other_parameters = layer.norms * hidden + 1 + (has_experts ? hidden + experts.count : 0);
    add_attention(layer, is_global ? wide : sliding);
    add_mlp(layer, mlp);
    if (has_experts) add_experts(layer, experts);
    blocks.push_back(std::move(layer));
  }
  return language_model(config, hidden, std::move(blocks), tied(config, context, true));
}

}  // namespace bigmac
