#include "bigmac/workload/measured_costs.h"

#include <algorithm>
#include <tuple>

#include "bigmac/base/json_reader.h"

namespace bigmac {
namespace {

constexpr double kMaxMicroseconds = 1e12, kMaxTokens = 1e12;

LayerKind read_kind(const JsonReader& layer) {
  const std::vector<std::string> names = {"embedding", "transformer", "projector", "head"};
  const auto found = std::find(names.begin(), names.end(), layer.string());
  if (found == names.end()) layer.fail(unknown_name("layer", layer.string(), names));
  return static_cast<LayerKind>(found - names.begin());
}

MeasuredEntry read_entry(const JsonReader& reader) {
  MeasuredEntry entry;
  entry.module = reader.at("module").string();
  entry.layer = read_kind(reader.at("layer"));
  entry.tp = static_cast<int>(reader.integer_or("tp", 1, 1, 1 << 20));
  entry.tokens = reader.at("tokens").number(1, kMaxTokens);
  entry.forward_us = reader.at("forward_us").number(0, kMaxMicroseconds);
  entry.input_gradient_us = reader.at("input_gradient_us").number(0, kMaxMicroseconds);
  entry.weight_gradient_us = reader.at("weight_gradient_us").number(0, kMaxMicroseconds);
  if (const auto bytes = reader.find("activation_bytes")) entry.activation_bytes = bytes->number(0, 1e15);
  return entry;
}

auto group_of(const MeasuredEntry& entry) { return std::tie(entry.module, entry.layer, entry.tp); }

// a + (b - a) share, on every measured quantity.
MeasuredEntry blend(const MeasuredEntry& a, const MeasuredEntry& b, double share) {
  MeasuredEntry out = a;
  const auto mix = [share](double x, double y) { return x + (y - x) * share; };
  out.tokens = mix(a.tokens, b.tokens);
  out.forward_us = mix(a.forward_us, b.forward_us);
  out.input_gradient_us = mix(a.input_gradient_us, b.input_gradient_us);
  out.weight_gradient_us = mix(a.weight_gradient_us, b.weight_gradient_us);
  if (a.activation_bytes && b.activation_bytes) out.activation_bytes = mix(*a.activation_bytes, *b.activation_bytes);
  return out;
}

MeasuredEntry in_proportion(const MeasuredEntry& nearest, double tokens) {
  MeasuredEntry nothing = nearest;
  nothing.tokens = nothing.forward_us = nothing.input_gradient_us = nothing.weight_gradient_us = 0;
  if (nothing.activation_bytes) nothing.activation_bytes = 0;
  return blend(nothing, nearest, tokens / nearest.tokens);
}

}  // namespace

MeasuredCosts parse_measured_costs(const std::string& text, const std::string& file) {
  const Json document = parse_json(text, file);
  const JsonReader root(document, file);
  if (root.at("schema").string() != "bigmac.costs/1") root.at("schema").fail("expected 'bigmac.costs/1'");
  MeasuredCosts out;
  out.source = root.at("source").string();
  for (const JsonReader& entry : root.at("entries").items()) out.entries.push_back(read_entry(entry));
  std::sort(out.entries.begin(), out.entries.end(), [](const MeasuredEntry& a, const MeasuredEntry& b) {
    return std::tuple(group_of(a), a.tokens) < std::tuple(group_of(b), b.tokens);
  });
  for (std::size_t i = 1; i < out.entries.size(); ++i)
    if (group_of(out.entries[i]) == group_of(out.entries[i - 1]) && out.entries[i].tokens == out.entries[i - 1].tokens)
      root.at("entries").fail("two entries for the same module, layer, tp and tokens: " + out.entries[i].module);
  return out;
}

std::optional<MeasuredEntry> MeasuredCosts::at(const std::string& module, LayerKind layer, int tp,
                                               double tokens) const {
  const MeasuredEntry* below = nullptr;
  const MeasuredEntry* above = nullptr;
  for (const MeasuredEntry& entry : entries) {
    if (entry.module != module || entry.layer != layer || entry.tp != tp) continue;
    if (entry.tokens <= tokens) below = &entry;
    else if (above == nullptr) above = &entry;
  }
  if (below != nullptr && above != nullptr)
    return blend(*below, *above, (tokens - below->tokens) / (above->tokens - below->tokens));
  if (below != nullptr) return in_proportion(*below, tokens);
  if (above != nullptr) return in_proportion(*above, tokens);
  return std::nullopt;
}

}  // namespace bigmac
