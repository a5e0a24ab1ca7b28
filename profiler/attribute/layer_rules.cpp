#include <algorithm>
#include <unordered_map>

#include "bigmac/base/error.h"
#include "bigmac/profiler/attribution.h"
#include "layer_rules.h"

namespace bigmac {
namespace {

const std::vector<std::string>& kind_names() {
  static const std::vector<std::string> kNames = {"embedding", "transformer", "projector", "head"};
  return kNames;
}

bool may_be_layer(EventKind kind) {
  return kind == EventKind::range || kind == EventKind::process_range || kind == EventKind::python_function;
}

std::vector<std::regex> compile(const std::vector<LayerRule>& rules) {
  std::vector<std::regex> compiled;
  for (const LayerRule& rule : rules) try {
      compiled.emplace_back(rule.pattern, std::regex::ECMAScript | std::regex::optimize);
    } catch (const std::regex_error& error) {
      bad_input(rule.pattern, std::string("not a regular expression: ") + error.what());
    }
  return compiled;
}

constexpr std::size_t kLongestLayerName = 1024;  // std::regex recurses with the text's length

}  // namespace

LayerRule parse_layer_rule(const std::string& text) {
  const std::size_t equals = text.rfind('='), slash = text.rfind('/');
  if (equals == std::string::npos || slash == std::string::npos || slash < equals)
    bad_input("--layer " + text, "expected REGEX=MODULE/KIND");
  const std::string kind = text.substr(slash + 1);
  const auto known = std::find(kind_names().begin(), kind_names().end(), kind);
  if (known == kind_names().end()) bad_input("--layer " + text, unknown_name("kind of layer", kind, kind_names()));
  LayerRule rule{text.substr(0, equals), text.substr(equals + 1, slash - equals - 1),
                 static_cast<LayerKind>(known - kind_names().begin())};
  if (rule.pattern.empty() || rule.module.empty()) bad_input("--layer " + text, "expected REGEX=MODULE/KIND");
  compile({rule});
  return rule;
}

std::vector<LayerRule> default_layer_rules() {
  std::vector<LayerRule> rules;
  for (const char* module : {"llm", "encoder", "generator"})
    for (std::size_t kind = 0; kind < kind_names().size(); ++kind)
      rules.push_back(
          {std::string("^layer:") + module + "/" + kind_names()[kind], module, static_cast<LayerKind>(kind)});
  rules.push_back({R"((visual|vision|encoder)[\w.]*\.(layers?|blocks?|h)\.\d+$)", "encoder", LayerKind::transformer});
  rules.push_back({R"((visual|vision|encoder)[\w.]*\.(merger|projector)$)", "encoder", LayerKind::projector});
  rules.push_back({R"((^|\.)(layers?|blocks?|h)\.\d+$)", "llm", LayerKind::transformer});
  rules.push_back({R"((^|\.)(embed_tokens|wte|word_embeddings)$)", "llm", LayerKind::embedding});
  rules.push_back({R"((^|\.)(lm_head|output_layer)$)", "llm", LayerKind::head});
  return rules;
}

const char* name_of(LayerKind kind) { return kind_names()[static_cast<std::size_t>(kind)].c_str(); }

LayerMatcher::LayerMatcher(const std::vector<LayerRule>& rules) : compiled_(compile(rules)) {}

std::uint8_t LayerMatcher::operator()(std::string_view name) const {
  name = name.substr(0, kLongestLayerName);
  for (std::size_t r = 0; r < compiled_.size(); ++r)
    if (std::regex_search(name.begin(), name.end(), compiled_[r])) return static_cast<std::uint8_t>(r + 1);
  return 0;
}

std::vector<std::uint8_t> match_layers(const Trace& trace, const std::vector<LayerRule>& rules) {
  const LayerMatcher matches(rules);
  std::unordered_map<std::uint32_t, std::uint8_t> known;
  std::vector<std::uint8_t> rule_of(trace.events.size(), 0);
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    if (!may_be_layer(trace.events.kind[i])) continue;
    const auto [entry, is_new] = known.try_emplace(trace.events.name[i].value, std::uint8_t{0});
    if (is_new) entry->second = matches(trace.names[trace.events.name[i]]);
    rule_of[i] = entry->second;
  }
  return rule_of;
}

}  // namespace bigmac
