// What the importers share: limits, reading helpers, and one entry per family. *_json.cpp files only.
//
// The limits keep every count inside 63 bits and every allocation small, whatever the input.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bigmac/base/json_reader.h"
#include "bigmac/workload/layers.h"
#include "bigmac/workload/model.h"

namespace bigmac {

using Notes = std::vector<std::string>;

inline constexpr std::int64_t kMaxLayers = 4096;
inline constexpr std::int64_t kMaxExperts = 65536;
inline constexpr std::int64_t kMaxWidth = 1'000'000;
inline constexpr std::int64_t kMaxVocabulary = 100'000'000;
inline constexpr std::int64_t kMaxPatch = 1024;
inline constexpr std::int64_t kMaxMerge = 16;
/// Parameters of one model; far above any, far below what 63 bits hold as bytes.
inline constexpr std::int64_t kMaxParameters = 100'000'000'000'000;

/// The member `key`, where null counts as absent (as in Hugging Face files).
inline std::optional<JsonReader> given(const JsonReader& reader, const char* key) {
  auto found = reader.find(key);
  if (found && found->raw().is_null()) found.reset();
  return found;
}
inline std::int64_t size_at(const JsonReader& reader, const char* key, std::int64_t high = kMaxWidth) {
  return reader.at(key).integer(1, high);
}
inline std::int64_t size_or(const JsonReader& reader, const char* key, std::int64_t fallback,
                            std::int64_t high = kMaxWidth) {
  const auto found = given(reader, key);
  return found ? found->integer(1, high) : fallback;
}
inline bool flag_or(const JsonReader& reader, const char* key, bool fallback) {
  const auto found = given(reader, key);
  return found ? found->boolean() : fallback;
}

/// hidden / heads; fails at the hidden width's pointer where it does not divide.
std::int64_t divided_head_dim(const JsonReader& reader, const char* hidden_key, std::int64_t hidden,
                              const char* heads_key, std::int64_t heads);
/// Fails unless kv_heads divides heads and heads x head_dim is a sane width.
void check_heads(const JsonReader& reader, std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim);

/// What surrounds a language model's sizes inside a multimodal file.
struct DecoderContext {
  bool nested = false;       ///< absent sizes mean the class's defaults, as transformers reads them
  std::optional<bool> tied;  ///< tie_word_embeddings of the enclosing file
};

bool is_decoder_type(const std::string& model_type);
Module read_decoder(const JsonReader& config, const std::string& model_type, const DecoderContext& context,
                    Notes& notes);
std::vector<std::string> decoder_types();

/// Decoders with parts of their own, one per file: latent attention, and mixed layer types.
Module read_deepseek(const JsonReader& config, const DecoderContext& context);
Module read_llama4(const JsonReader& config, const DecoderContext& context);
Module read_qwen35(const JsonReader& config, const DecoderContext& context, Notes& notes);
Module read_gemma4(const JsonReader& config, const DecoderContext& context);

/// Puts embedding and head around `blocks`.
Module language_model(const JsonReader& config, std::int64_t width, std::vector<Layer> blocks, bool tied);

/// Reads a whole Hugging Face multimodal file.
Model read_multimodal(const JsonReader& root, const std::string& model_type, Notes& notes);
std::vector<std::string> multimodal_types();

/// Vision towers with their projector onto `llm_width`.
Module read_qwen2_vision(const JsonReader& vision, std::int64_t llm_width);
Module read_qwen25_vision(const JsonReader& vision, std::int64_t llm_width);
Module read_qwen3_vision(const JsonReader& vision, std::int64_t llm_width);
Module read_clip_vision(const JsonReader& vision, std::int64_t llm_width, Notes& notes);
Module read_intern_vision(const JsonReader& root, const JsonReader& vision, std::int64_t llm_width);
Module read_pixtral_vision(const JsonReader& root, const JsonReader& vision, std::int64_t llm_width);
Module read_llama4_vision(const JsonReader& vision, std::int64_t llm_width);
Module read_moon_vision(const JsonReader& vision, std::int64_t llm_width);
Module read_gemma4_vision(const JsonReader& vision, std::int64_t llm_width);

Module read_diffusers(const JsonReader& root, const std::string& class_name, Notes& notes);
std::vector<std::string> diffusers_classes();

/// Modules in full out of our own files.
Module read_explicit_llm(const JsonReader& module, const std::string& kind, Notes& notes);
Module read_explicit_vit(const JsonReader& module, std::int64_t llm_width, Notes& notes);
Module read_explicit_mmdit(const JsonReader& module, Notes& notes);

Model read_own_model(const JsonReader& root, int depth, Notes& notes);
/// Dispatch by content; `depth` counts files that refer to files.
Model read_any_model(const JsonReader& root, int depth, Notes& notes);
/// Reads a whole document; refuses what is no regular file or larger than any config.
Json load_document(const std::string& path);
/// The path of the file that `reference`, a module's "config", names, relative to the file it stands in. Fails on
/// absolute paths and where files refer to files more than 8 deep.
std::string referred_path(const JsonReader& reference, int depth);

}  // namespace bigmac
