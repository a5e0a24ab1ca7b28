// A model that stands alone: the files it refers to, put in their places.

#include <filesystem>

#include "bigmac/workload/model_json.h"
#include "importers.h"

namespace bigmac {
namespace {

Json inlined(const JsonReader& root, int depth);

Json inlined_module(const JsonReader& module, int depth) {
  Json out = module.raw();
  const auto config = module.find("config");
  if (!config) return out;
  if (config->raw().is_object()) {
    out["config"] = inlined(*config, depth + 1);
    return out;
  }
  const std::string path = referred_path(*config, depth);
  const Json document = load_document(path);
  out["config"] = inlined(JsonReader(document, path), depth + 1);
  return out;
}

Json inlined(const JsonReader& root, int depth) {
  Json out = root.raw();
  if (!root.has("schema")) return out;
  if (const auto llm = given(root, "llm")) out["llm"] = inlined_module(*llm, depth);
  for (const char* key : {"encoders", "generators"}) {
    const auto list = given(root, key);
    if (!list) continue;
    Json modules = Json::array();
    for (const JsonReader& module : list->items()) modules.push_back(inlined_module(module, depth));
    out[key] = std::move(modules);
  }
  return out;
}

}  // namespace

Json inline_model_references(const JsonReader& root) {
  Json out = inlined(root, 0);
  // A bare config is named by its file, which the document alone no longer knows.
  if (!root.has("name")) out["name"] = std::filesystem::path(root.file()).stem().string();
  return out;
}

}  // namespace bigmac
