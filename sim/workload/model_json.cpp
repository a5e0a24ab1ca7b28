// Which importer a file is for, told by its content, and what holds for every model once read.

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>

#include "bigmac/workload/model_json.h"
#include "importers.h"

namespace bigmac {
namespace {

constexpr std::uintmax_t kMaxFile = 64 << 20;
constexpr int kMaxDepth = 8;  ///< of files that refer to files

/// Files of MindSpeed-MM carry a model_id, and parts under names that no Hugging Face file has.
bool is_mindspeed(const JsonReader& root) {
  return root.has("model_id") || root.has("text_decoder") || root.has("image_encoder");
}

Model read_hugging_face(const JsonReader& root, Notes& notes) {
  const std::string type = root.at("model_type").string();
  const auto multimodal = multimodal_types();
  if (std::find(multimodal.begin(), multimodal.end(), type) != multimodal.end())
    return read_multimodal(root, type, notes);
  if (!is_decoder_type(type)) root.at("model_type").fail(unknown_name("model_type", type, known_model_types()));
  Model model;
  model.llm = read_decoder(root, type, {}, notes);
  return model;
}

Model read_generator(const JsonReader& root, Notes& notes) {
  const std::string name = root.at("_class_name").string();
  const auto classes = diffusers_classes();
  if (std::find(classes.begin(), classes.end(), name) == classes.end())
    root.at("_class_name").fail(unknown_name("_class_name", name, known_model_types()));
  Model model;
  model.generators.push_back(read_diffusers(root, name, notes));
  return model;
}

/// In double, so that nothing can overflow before it is refused.
void check_total(const JsonReader& root, const Model& model) {
  double total = 0;
  const auto add = [&](const Module& module) {
    for (const Layer& layer : module.layers) total += static_cast<double>(parameters(layer));
  };
  add(model.llm);
  for (const Module& module : model.encoders) add(module);
  for (const Module& module : model.generators) add(module);
  if (total > static_cast<double>(kMaxParameters))
    root.fail(fmt::format("{:.3g} parameters; expected at most {:.3g}", total, static_cast<double>(kMaxParameters)));
}

}  // namespace

std::int64_t divided_head_dim(const JsonReader& reader, const char* hidden_key, std::int64_t hidden,
                              const char* heads_key, std::int64_t heads) {
  if (hidden % heads != 0) {
    const auto at = given(reader, heads_key).value_or(reader);
    at.fail(fmt::format("{} {} does not divide {} {}", heads_key, heads, hidden_key, hidden));
  }
  return hidden / heads;
}

void check_heads(const JsonReader& reader, std::int64_t heads, std::int64_t kv_heads, std::int64_t head_dim) {
  if (kv_heads > heads || heads % kv_heads != 0)
    reader.fail(fmt::format("{} key-value heads do not divide {} heads", kv_heads, heads));
  if (head_dim > kMaxWidth / heads)
    reader.fail(fmt::format("{} heads of {} elements; expected at most {} together", heads, head_dim, kMaxWidth));
}

Model read_any_model(const JsonReader& root, int depth, Notes& notes) {
  if (!root.raw().is_object()) root.fail("expected an object: a model");
  Model model;
  if (const auto schema = root.find("schema")) {
    if (schema->string() != "bigmac.model/1")
      schema->fail(unknown_name("schema", schema->string(), {"bigmac.model/1"}));
    model = read_own_model(root, depth, notes);
  } else if (root.has("_class_name")) {
    model = read_generator(root, notes);
  } else if (root.has("model_type")) {
    model = read_hugging_face(root, notes);
  } else if (is_mindspeed(root)) {
    root.fail("a MindSpeed-MM model file; expected a Hugging Face config.json, which has 'model_type'");
  } else {
    root.fail("expected a model: 'schema' (bigmac.model/1), 'model_type' (Hugging Face) or '_class_name' (diffusers)");
  }
  check_total(root, model);
  model.name = root.string_or("name", std::filesystem::path(root.file()).stem().string());
  model.source = root.string_or("source", std::filesystem::path(root.file()).filename().string());
  return model;
}

Json load_document(const std::string& path) {
  std::error_code error;
  if (std::filesystem::exists(path, error) && !std::filesystem::is_directory(path, error)) {
    if (!std::filesystem::is_regular_file(path, error)) bad_input(path, "is no regular file");
    if (std::filesystem::file_size(path, error) > kMaxFile) bad_input(path, "larger than 64 MiB");
  }
  return parse_json(read_text_file(path), path);
}

std::string referred_path(const JsonReader& reference, int depth) {
  const std::filesystem::path path = reference.string();
  if (path.empty() || path.is_absolute()) reference.fail("expected a path relative to this file");
  if (depth >= kMaxDepth) reference.fail(fmt::format("files refer to files more than {} deep", kMaxDepth));
  return (std::filesystem::path(reference.file()).parent_path() / path).lexically_normal().string();
}

Model read_model(const JsonReader& root, std::vector<std::string>& notes) { return read_any_model(root, 0, notes); }

Model load_model(const std::string& path, std::vector<std::string>& notes) {
  const Json document = load_document(path);
  return read_any_model(JsonReader(document, path), 0, notes);
}

Model parse_model(const std::string& text, const std::string& file, std::vector<std::string>& notes) {
  const Json document = parse_json(text, file);
  return read_any_model(JsonReader(document, file), 0, notes);
}

std::vector<std::string> known_model_types() {
  std::vector<std::string> types = decoder_types();
  for (const auto& more : {multimodal_types(), diffusers_classes()})
    types.insert(types.end(), more.begin(), more.end());
  std::sort(types.begin(), types.end());
  return types;
}

}  // namespace bigmac
