#include "palette.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "svg.h"

namespace bigmac::html {
namespace {

enum Fixed : std::uint16_t {
  kEncoderForward,
  kEncoderBackward,
  kGeneratorForward,
  kGeneratorBackward,
  kWeight,
  kRecompute,
  kLlm0
};
constexpr std::uint32_t kMostShades = 8;

using Rgb = std::array<int, 3>;
constexpr Rgb kForward[2] = {{0x97, 0xc8, 0xf2}, {0x1a, 0x66, 0xab}};
constexpr Rgb kBackward[2] = {{0xf8, 0xae, 0x55}, {0xbf, 0x54, 0x08}};

/// Shade `i` of `count` between the two ends of a hue; the middle where there is one only.
std::string shade(const Rgb (&ends)[2], std::uint32_t i, std::uint32_t count) {
  const double t = count == 1 ? 0.5 : static_cast<double>(i) / (count - 1);
  std::string out = "#";
  for (std::size_t c = 0; c < 3; ++c)
    out += fmt::format("{:02x}", std::lround(ends[0][c] + t * (ends[1][c] - ends[0][c])));
  return out;
}

/// WCAG relative luminance of "#rrggbb".
double luminance(const std::string& colour) {
  constexpr double kWeights[3] = {0.2126, 0.7152, 0.0722};
  double sum = 0;
  for (std::size_t c = 0; c < 3; ++c)
    sum += kWeights[c] * std::pow(std::stoi(colour.substr(1 + 2 * c, 2), nullptr, 16) / 255.0, 2.2);
  return sum;
}

}  // namespace

const MemoryKind kMemory[kMemoryKinds] = {{"m0", "#5b6472", "weights"},
                                          {"m1", "#7d8796", "gradients"},
                                          {"m2", "#a0a9b6", "optimizer"},
                                          {"m3", "#c3c9d2", "buffers"},
                                          {"m4", "#4fc79a", "encoder activations"},
                                          {"m5", "#4a90cf", "LLM activations"},
                                          {"m6", "#d97cc0", "generator activations"},
                                          {"m7", "#f8ae55", "transient"}};

Palette::Palette(const Pipeline& pipeline) : pipeline_(pipeline), shades_(std::min(pipeline.chunks, kMostShades)) {
  add("ef", "#4fc79a", Role::encoder);
  add("eb", "#0f7354", Role::encoder);
  add("gf", "#d97cc0", Role::generator);
  add("gb", "#8a2c77", Role::generator);
  add("w", "#f3ec6b", Role::llm);
  add("r", "#6d7482", Role::llm);
  for (std::uint32_t i = 0; i < shades_; ++i) add(fmt::format("f{}", i), shade(kForward, i, shades_), Role::llm);
  for (std::uint32_t i = 0; i < shades_; ++i) add(fmt::format("b{}", i), shade(kBackward, i, shades_), Role::llm);
}

void Palette::add(const std::string& css, const std::string& colour, Role role) {
  paints_.push_back({css, colour, luminance(colour) < 0.19, role});
}

std::uint16_t Palette::of(const Op& op) const {
  if (op.kind == OpKind::weight_gradient) return kWeight;
  if (op.kind == OpKind::recompute) return kRecompute;
  const bool forward = op.kind == OpKind::forward;
  switch (pipeline_.modules[op.module].role) {
    case Role::encoder: return forward ? kEncoderForward : kEncoderBackward;
    case Role::generator: return forward ? kGeneratorForward : kGeneratorBackward;
    case Role::llm: break;
  }
  const std::uint32_t chunk = std::min(op.stage.value / pipeline_.ranks, pipeline_.chunks - 1);
  return static_cast<std::uint16_t>(kLlm0 + (forward ? 0 : shades_) + chunk * shades_ / pipeline_.chunks);
}

std::string Palette::css() const {
  std::string out;
  for (const Paint& paint : paints_)
    html::add(out, ".{}{{fill:{};background:{}}}", paint.css, paint.colour, paint.colour);
  for (const MemoryKind& kind : kMemory)
    html::add(out, ".{}{{fill:{};background:{}}}", kind.css, kind.colour, kind.colour);
  return out + "\n";
}

std::string Palette::names(const std::vector<ModuleId>& modules) const {
  std::string out;
  for (const ModuleId module : modules) out += (out.empty() ? "" : ", ") + pipeline_.modules[module].name;
  return out;
}

std::vector<Key> Palette::keys(const std::vector<Op>& ops) const {
  std::vector<bool> used(paints_.size(), false);
  bool split = false;
  for (const Op& op : ops) {
    used[of(op)] = true;
    split = split || op.kind == OpKind::input_gradient;
  }
  std::vector<Key> out;
  const auto key = [&](std::uint16_t paint, const std::string& label) {
    if (used[paint]) out.push_back({{paints_[paint].css}, label});
  };
  const std::string encoders = names(pipeline_.encoders), generators = names(pipeline_.generators);
  key(kEncoderForward, encoders + " forward");
  key(kEncoderBackward, encoders + " backward");
  const std::string chunks = pipeline_.chunks == 1 ? "" : fmt::format(", chunks 0 to {}", pipeline_.chunks - 1);
  for (const bool forward : {true, false}) {
    Key shades{{}, fmt::format("LLM {}{}", forward ? "forward" : split ? "backward of inputs" : "backward", chunks)};
    for (std::uint32_t i = 0; i < shades_; ++i) shades.css.push_back(fmt::format("{}{}", forward ? 'f' : 'b', i));
    out.push_back(std::move(shades));
  }
  key(kGeneratorForward, generators + " forward");
  key(kGeneratorBackward, generators + " backward");
  key(kWeight, "backward of weights");
  key(kRecompute, "recomputed forward");
  out.push_back({{"lane"}, "idle"});
  return out;
}

std::string Palette::legend(const std::vector<Op>& ops) const {
  std::string out = "<p class=\"legend\">";
  for (const Key& each : keys(ops)) {
    out += "<span class=\"key\">";
    for (const std::string& css : each.css) html::add(out, "<i class=\"{}\"></i>", css);
    out += escaped(each.label) + "</span>";
  }
  return out + "</p>\n";
}

std::string legend_key(const std::string& css, const std::string& label) {
  return fmt::format("<span class=\"key\"><i class=\"{}\"></i>{}</span>", css, escaped(label));
}

}  // namespace bigmac::html
