// Our own model files, schema "bigmac.model/1": any encoders with any LLM and any generators.
//
//   {"schema": "bigmac.model/1", "name": "...", "source": "...",
//    "encoders": [MODULE, ...], "llm": MODULE, "generators": [MODULE, ...]}       each part optional
//
// MODULE by reference: the like part of another file (a Hugging Face or diffusers config, or one of these):
//   {"name": "vision", "config": "qwen3-vl-8b.json"}                path relative to this file, or such a document
// MODULE in full; every size is a count of elements:
//   "name"      default encoder, llm, generator
//   "kind"      llm: gpt (layer norm, plain MLP, biases, tied head) or llama (RMS norm, gated MLP, no biases)
//               encoder: vit (layer norm, plain MLP, biases); generator: mmdit
//   "layers", "hidden", "heads"
//   "kv_heads" (heads), "head_dim" (hidden / heads), "mlp" (4 hidden for gpt and vit)
//   "gated", "bias", "qk_norm", "tied"                              flags, where a kind's default is not meant
//   gpt, llama  "vocabulary", "positions" (0: rows of a learned position table),
//               "experts": {"count", "active", "mlp", "shared_mlp" (0), "dense_layers" (0: first layers without)}
//   vit         "patch" (pixels), "merge" (1), "image_side" (0: any size), "channels" (3), "frames" (1),
//               "positions" (patches of image_side), "projector": {"hidden" (0: one product), "bias", "norm"}
//   mmdit       "single_layers" (0), "latent_channels", "patch" (latents), "vae" (pixels per latent, 8),
//               "condition" (elements per condition token)

#include <algorithm>

#include <fmt/format.h>

#include "importers.h"

namespace bigmac {
namespace {

/// The file that `module` refers to, or the document in its place, as a model.
Model referred(const JsonReader& module, int depth, Notes& notes) {
  const JsonReader config = module.at("config");
  module.note_unknown({"name", "config", "source", "assumed"}, notes);
  if (config.raw().is_object()) return read_any_model(config, depth + 1, notes);
  const std::string path = referred_path(config, depth);
  const Json document = load_document(path);
  return read_any_model(JsonReader(document, path), depth + 1, notes);
}

std::string kind_of(const JsonReader& module, const std::vector<std::string>& known) {
  const std::string kind = module.at("kind").string();
  if (std::find(known.begin(), known.end(), kind) == known.end())
    module.at("kind").fail(unknown_name("kind", kind, known));
  return kind;
}

Module read_part(const JsonReader& module, Role role, std::int64_t llm_width, int depth, Notes& notes) {
  if (module.has("config")) {
    Model model = referred(module, depth, notes);
    auto& parts = role == Role::encoder ? model.encoders : model.generators;
    if (role == Role::llm) parts.assign(model.llm.layers.empty() ? 0 : 1, model.llm);
    if (parts.size() != 1)
      module.at("config").fail(fmt::format("expected a file with one such part, found {}", parts.size()));
    return std::move(parts.front());
  }
  if (role == Role::llm) return read_explicit_llm(module, kind_of(module, {"gpt", "llama"}), notes);
  if (role == Role::encoder) return kind_of(module, {"vit"}), read_explicit_vit(module, llm_width, notes);
  return kind_of(module, {"mmdit"}), read_explicit_mmdit(module, notes);
}

/// Fits a part that was read for another LLM onto this one.
void connect(const JsonReader& reader, Module& module, std::int64_t llm_width, Notes& notes) {
  if (llm_width == 0) return;
  if (module.role == Role::encoder && module.output_width != llm_width) {
    // A tower from a file without an LLM hands on its own width: nothing is lost by fitting it.
    if (module.output_width != module.width)
      notes.push_back(fmt::format("{}: the projector is rebuilt for the LLM's width, {} in place of {}", reader.where(),
                                  llm_width, module.output_width));
    retarget(module, llm_width);
  }
  if (module.role != Role::generator || condition_width(module) == llm_width) return;
  notes.push_back(fmt::format("{}: conditions are taken at the LLM's width, {} in place of {}", reader.where(),
                              llm_width, condition_width(module)));
  retarget_conditions(module, llm_width);
}

std::vector<Module> read_parts(const JsonReader& root, const char* key, Role role, std::int64_t llm_width, int depth,
                               Notes& notes) {
  std::vector<Module> modules;
  const auto list = given(root, key);
  if (!list) return modules;
  const auto items = list->items();
  if (items.size() > 16) list->fail("expected at most 16 modules");
  for (const JsonReader& item : items) {
    Module module = read_part(item, role, llm_width, depth, notes);
    connect(item, module, llm_width, notes);
    module.name = item.string_or("name", module.name);
    modules.push_back(std::move(module));
  }
  return modules;
}

void check_names(const JsonReader& root, const Model& model) {
  std::vector<std::string> names{"llm"};
  for (const auto* modules : {&model.encoders, &model.generators})
    for (const Module& module : *modules) {
      if (module.name.empty() || std::find(names.begin(), names.end(), module.name) != names.end())
        root.fail(fmt::format("modules need names of their own; '{}' is empty or taken", module.name));
      names.push_back(module.name);
    }
}

}  // namespace

Model read_own_model(const JsonReader& root, int depth, Notes& notes) {
  root.note_unknown({"schema", "name", "source", "assumed", "encoders", "llm", "generators"}, notes);
  Model model;
  if (const auto llm = given(root, "llm")) {
    model.llm = read_part(*llm, Role::llm, 0, depth, notes);
    model.llm.name = "llm";
  }
  const std::int64_t width = model.llm.width;
  model.encoders = read_parts(root, "encoders", Role::encoder, width, depth, notes);
  model.generators = read_parts(root, "generators", Role::generator, width, depth, notes);
  if (model.llm.layers.empty() && model.encoders.empty() && model.generators.empty())
    root.fail("expected 'llm', 'encoders' or 'generators'");
  check_names(root, model);
  return model;
}

}  // namespace bigmac
