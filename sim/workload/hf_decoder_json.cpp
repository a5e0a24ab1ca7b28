// Language models of the Llama family out of Hugging Face configs: dense and mixture-of-experts decoders
// that differ in biases, query-key norms, windows and the names of their keys.

#include <algorithm>

#include <fmt/format.h>

#include "importers.h"

namespace bigmac {
namespace {

/// What the model_type alone decides.
struct Family {
  const char* model_type;
  bool qkv_bias;  ///< always, whatever attention_bias says
  bool qk_norm;
  std::int64_t head_dim;    ///< class default; 0: hidden / heads
  const char* experts_key;  ///< nullptr: dense
  const char* expert_width_key;
  // Class defaults for sizes that a nested text_config leaves out; 0: none are assumed.
  std::int64_t hidden, mlp, layers, heads, kv_heads, vocabulary;
};

constexpr Family kFamilies[] = {
    {"llama", false, false, 0, nullptr, nullptr, 4096, 11008, 32, 32, 32, 32000},
    {"mistral", false, false, 0, nullptr, nullptr, 4096, 14336, 32, 32, 8, 32000},
    {"mixtral", false, false, 0, "num_local_experts", "intermediate_size", 0, 0, 0, 0, 0, 0},
    {"qwen2", true, false, 0, nullptr, nullptr, 0, 0, 0, 0, 0, 0},
    {"qwen2_5_vl_text", true, false, 0, nullptr, nullptr, 0, 0, 0, 0, 0, 0},
    {"qwen2_vl_text", true, false, 0, nullptr, nullptr, 0, 0, 0, 0, 0, 0},
    {"qwen3", false, true, 128, nullptr, nullptr, 0, 0, 0, 0, 0, 0},
    {"qwen3_moe", false, true, 0, "num_experts", "moe_intermediate_size", 0, 0, 0, 0, 0, 0},
    {"qwen3_vl_moe_text", false, true, 0, "num_experts", "moe_intermediate_size", 0, 0, 0, 0, 0, 0},
    {"qwen3_vl_text", false, true, 128, nullptr, nullptr, 0, 0, 0, 0, 0, 0},
};

constexpr const char* kOthers[] = {"deepseek_v3", "gemma4_text", "kimi_k2", "llama4_text", "qwen3_5_moe_text"};

const Family* find_family(const std::string& model_type) {
  const auto* it = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                [&](const Family& family) { return model_type == family.model_type; });
  return it == std::end(kFamilies) ? nullptr : it;
}

/// A size that must be there, or, nested in a multimodal file, may mean the class's default.
std::int64_t size_or_default(const JsonReader& config, const char* key, std::int64_t class_default, std::int64_t high,
                             const DecoderContext& context, Notes& notes) {
  if (given(config, key) || !context.nested || class_default == 0) return size_at(config, key, high);
  notes.push_back(
      fmt::format("{}: '{}' is absent: the class default of transformers, {}", config.where(), key, class_default));
  return class_default;
}

AttentionSizes read_attention(const JsonReader& config, const Family& family, std::int64_t hidden,
                              const DecoderContext& context, Notes& notes) {
  AttentionSizes shape;
  shape.heads = size_or_default(config, "num_attention_heads", family.heads, kMaxWidth, context, notes);
  const bool defaults = context.nested && family.kv_heads > 0 && !given(config, "num_attention_heads");
  shape.kv_heads = size_or(config, "num_key_value_heads", defaults ? family.kv_heads : shape.heads);
  if (const auto head_dim = given(config, "head_dim")) shape.head_dim = head_dim->integer(1, kMaxWidth);
  else if (family.head_dim > 0) shape.head_dim = family.head_dim;
  else shape.head_dim = divided_head_dim(config, "hidden_size", hidden, "num_attention_heads", shape.heads);
  check_heads(config, shape.heads, shape.kv_heads, shape.head_dim);
  const bool bias = flag_or(config, "attention_bias", false);
  shape.qkv_bias = bias || family.qkv_bias;
  shape.out_bias = bias;
  shape.qk_norm = family.qk_norm;
  return shape;
}

/// The sliding window of layer `index`: Qwen files carry one that is off, and then on from a layer onwards.
std::int64_t window_of(const JsonReader& config, const Family& family, std::int64_t index) {
  const auto window = given(config, "sliding_window");
  if (!window) return 0;
  const bool is_qwen = std::string_view(family.model_type).starts_with("qwen");
  if (is_qwen && (!flag_or(config, "use_sliding_window", false) ||
                  index < config.integer_or("max_window_layers", 0, 0, kMaxVocabulary)))
    return 0;
  return window->integer(0, kMaxVocabulary);
}

/// The dense layers that a mixture of experts keeps: every one off the sparse step, and those listed.
std::vector<bool> dense_layers(const JsonReader& config, const Family& family, std::int64_t layers) {
  std::vector<bool> dense(static_cast<std::size_t>(layers), family.experts_key == nullptr);
  if (family.experts_key == nullptr) return dense;
  const std::int64_t step = size_or(config, "decoder_sparse_step", 1, kMaxLayers);
  for (std::int64_t i = 0; i < layers; ++i) dense[static_cast<std::size_t>(i)] = (i + 1) % step != 0;
  if (const auto listed = given(config, "mlp_only_layers"))
    for (const JsonReader& item : listed->items()) dense[static_cast<std::size_t>(item.integer(0, layers - 1))] = true;
  return dense;
}

ExpertShape read_experts(const JsonReader& config, const Family& family) {
  ExpertShape shape;
  shape.count = size_at(config, family.experts_key, kMaxExperts);
  shape.active = config.at("num_experts_per_tok").integer(1, shape.count);
  shape.width = size_at(config, family.expert_width_key);
  return shape;
}

Module read_family(const JsonReader& config, const Family& family, const DecoderContext& context, Notes& notes) {
  const std::int64_t hidden = size_or_default(config, "hidden_size", family.hidden, kMaxWidth, context, notes);
  const std::int64_t layers = size_or_default(config, "num_hidden_layers", family.layers, kMaxLayers, context, notes);
  AttentionSizes attention = read_attention(config, family, hidden, context, notes);
  const std::vector<bool> dense = dense_layers(config, family, layers);
  ExpertShape experts;
  if (family.experts_key != nullptr) experts = read_experts(config, family);
  MlpShape mlp{.width = 0, .gated = true, .bias = flag_or(config, "mlp_bias", false)};
  if (std::find(dense.begin(), dense.end(), true) != dense.end())
    mlp.width = size_or_default(config, "intermediate_size", family.mlp, kMaxWidth, context, notes);
  std::vector<Layer> blocks;
  for (std::int64_t i = 0; i < layers; ++i) {
    Layer layer = transformer_layer(hidden, Norm::rms);
    attention.window = window_of(config, family, i);
    add_attention(layer, attention);
    if (dense[static_cast<std::size_t>(i)]) add_mlp(layer, mlp);
    else add_experts(layer, experts);
    blocks.push_back(std::move(layer));
  }
  return language_model(config, hidden, std::move(blocks),
                        flag_or(config, "tie_word_embeddings", context.tied.value_or(false)));
}

}  // namespace

std::vector<std::string> decoder_types() {
  std::vector<std::string> types(std::begin(kOthers), std::end(kOthers));
  for (const Family& family : kFamilies) types.emplace_back(family.model_type);
  return types;
}

bool is_decoder_type(const std::string& model_type) {
  const auto types = decoder_types();
  return std::find(types.begin(), types.end(), model_type) != types.end();
}

Module language_model(const JsonReader& config, std::int64_t width, std::vector<Layer> blocks, bool tied) {
  const std::int64_t vocabulary = size_at(config, "vocab_size", kMaxVocabulary);
  Module module;
  module.name = "llm";
  module.role = Role::llm;
  module.width = width;
  module.output_width = width;
  module.tied_embeddings = tied;
  module.layers = std::move(blocks);
  module.layers.insert(module.layers.begin(), embedding_layer(vocabulary, width));
  module.layers.push_back(head_layer(vocabulary, width, Norm::rms));
  return module;
}

Module read_decoder(const JsonReader& config, const std::string& model_type, const DecoderContext& context,
                    Notes& notes) {
  if (model_type == "deepseek_v3" || model_type == "kimi_k2") return read_deepseek(config, context);
  if (model_type == "llama4_text") return read_llama4(config, context);
  if (model_type == "qwen3_5_moe_text") return read_qwen35(config, context, notes);
  if (model_type == "gemma4_text") return read_gemma4(config, context);
  const Family* family = find_family(model_type);
  if (family == nullptr) config.at("model_type").fail(unknown_name("model_type", model_type, decoder_types()));
  return read_family(config, *family, context, notes);
}

}  // namespace bigmac
