// Hugging Face multimodal files: which part of the file holds the language model, which the tower.

#include <algorithm>

#include "importers.h"

namespace bigmac {
namespace {

using Tower = Module (*)(const JsonReader& root, const JsonReader& vision, std::int64_t llm_width, Notes& notes);

struct Family {
  const char* model_type;
  const char* text_key;             ///< where the language model's sizes are; absent from the file: the top level
  const char* text_type;            ///< the decoder's type; nullptr: as the nested model_type says
  std::vector<std::string> towers;  ///< model_type values the vision part may state
  Tower tower;
};

const std::vector<Family>& families() {
  static const std::vector<Family> table = {
      {"gemma4",
       "text_config",
       "gemma4_text",
       {"gemma4_vision"},
       [](auto&, auto& vision, auto width, auto&) { return read_gemma4_vision(vision, width); }},
      {"internvl_chat",
       "llm_config",
       nullptr,
       {"intern_vit_6b"},
       [](auto& root, auto& vision, auto width, auto&) { return read_intern_vision(root, vision, width); }},
      {"kimi_k25",
       "text_config",
       "kimi_k2",
       {},
       [](auto&, auto& vision, auto width, auto&) { return read_moon_vision(vision, width); }},
      {"llama4",
       "text_config",
       "llama4_text",
       {"llama4_vision_model"},
       [](auto&, auto& vision, auto width, auto&) { return read_llama4_vision(vision, width); }},
      {"llava",
       "text_config",
       nullptr,
       {"clip_vision_model"},
       [](auto&, auto& vision, auto width, auto& notes) { return read_clip_vision(vision, width, notes); }},
      {"mistral3",
       "text_config",
       nullptr,
       {"pixtral"},
       [](auto& root, auto& vision, auto width, auto&) { return read_pixtral_vision(root, vision, width); }},
      {"qwen2_5_vl",
       "text_config",
       "qwen2_5_vl_text",
       {"qwen2_5_vl"},
       [](auto&, auto& vision, auto width, auto&) { return read_qwen25_vision(vision, width); }},
      {"qwen2_vl",
       "text_config",
       "qwen2_vl_text",
       {"qwen2_vl"},
       [](auto&, auto& vision, auto width, auto&) { return read_qwen2_vision(vision, width); }},
      {"qwen3_5_moe",
       "text_config",
       "qwen3_5_moe_text",
       {"qwen3_5_moe"},
       [](auto&, auto& vision, auto width, auto&) { return read_qwen3_vision(vision, width); }},
      {"qwen3_vl",
       "text_config",
       "qwen3_vl_text",
       {"qwen3_vl"},
       [](auto&, auto& vision, auto width, auto&) { return read_qwen3_vision(vision, width); }},
      {"qwen3_vl_moe",
       "text_config",
       "qwen3_vl_moe_text",
       {"qwen3_vl_moe"},
       [](auto&, auto& vision, auto width, auto&) { return read_qwen3_vision(vision, width); }},
  };
  return table;
}

const Family& family_of(const JsonReader& root, const std::string& model_type) {
  for (const Family& family : families())
    if (model_type == family.model_type) return family;
  root.at("model_type").fail(unknown_name("model_type", model_type, multimodal_types()));
}

Module read_text(const JsonReader& root, const Family& family, Notes& notes) {
  DecoderContext context;
  if (const auto tied = given(root, "tie_word_embeddings")) context.tied = tied->boolean();
  const auto nested = given(root, family.text_key);
  context.nested = nested.has_value();
  const JsonReader text = nested.value_or(root);
  std::string type;
  if (family.text_type != nullptr) {
    type = family.text_type;
  } else {
    type = text.at("model_type").string();
    if (!is_decoder_type(type))
      text.at("model_type").fail(unknown_name("model_type of a language model", type, decoder_types()));
  }
  return read_decoder(text, type, context, notes);
}

void check_tower_type(const JsonReader& vision, const Family& family) {
  const auto type = given(vision, "model_type");
  if (!type || family.towers.empty()) return;
  const std::string name = type->string();
  const auto& known = family.towers;
  if (std::find(known.begin(), known.end(), name) == known.end())
    type->fail(unknown_name(std::string("vision tower of ") + family.model_type, name, known));
}

}  // namespace

std::vector<std::string> multimodal_types() {
  std::vector<std::string> types;
  for (const Family& family : families()) types.emplace_back(family.model_type);
  return types;
}

Model read_multimodal(const JsonReader& root, const std::string& model_type, Notes& notes) {
  const Family& family = family_of(root, model_type);
  Model model;
  model.llm = read_text(root, family, notes);
  const auto vision = given(root, "vision_config");
  if (!vision) {
    notes.push_back(root.where() + ": no vision_config: the language model alone is read");
  } else {
    check_tower_type(*vision, family);
    model.encoders.push_back(family.tower(root, *vision, model.llm.width, notes));
  }
  return model;
}

}  // namespace bigmac
