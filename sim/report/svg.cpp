#include "svg.h"

#include <algorithm>
#include <cmath>

namespace bigmac::html {
namespace {

/// The round step that cuts `span` into about `wanted` pieces.
double round_step(double span, int wanted) {
  const double raw = span / std::max(wanted, 1);
  const double power = std::pow(10, std::floor(std::log10(raw)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * power >= raw * 0.999) return factor * power;
  return 10 * power;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
    }
  }
  return out;
}

std::string num(double value) {
  const auto tenths = static_cast<long long>(std::llround(value * 10));
  const char* sign = tenths < 0 ? "-" : "";
  const long long size = std::abs(tenths);
  return size % 10 == 0 ? fmt::format("{}{}", sign, size / 10) : fmt::format("{}{}.{}", sign, size / 10, size % 10);
}

std::string grouped(std::size_t count) {
  std::string out = std::to_string(count);
  for (std::size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

Unit time_unit(Nanoseconds most) {
  const double t = static_cast<double>(most.value);
  if (t < 2e3) return {1, "ns"};
  if (t < 2e6) return {1e3, "us"};
  if (t < 2e9) return {1e6, "ms"};
  return {1e9, "s"};
}

Unit byte_unit(Bytes most) {
  const double b = static_cast<double>(most.value);
  if (b < 2e3) return {1, "B"};
  if (b < 2e6) return {1e3, "kB"};
  if (b < 2e9) return {1e6, "MB"};
  if (b < 5e12) return {1e9, "GB"};
  return {1e12, "TB"};
}

std::vector<Tick> ticks(double low, double high, int wanted, Unit unit) {
  std::vector<Tick> out;
  if (!(high > low)) return out;
  const double step = round_step((high - low) / unit.size, wanted);
  const int decimals = std::clamp(static_cast<int>(-std::floor(std::log10(step) + 1e-9)), 0, 9);
  const double first = std::ceil(low / unit.size / step - 1e-6);
  for (int i = 0; i <= 4 * wanted; ++i) {
    const double value = (first + i) * step;
    if (value * unit.size > high + 1e-6 * (high - low)) break;
    out.push_back({value * unit.size, fmt::format("{:.{}f}", value, decimals)});
  }
  return out;
}

std::string time_axis(const Scale& x, double top, double bottom) {
  const Unit unit = time_unit(Nanoseconds{static_cast<std::int64_t>(x.high)});
  std::string lines, labels;
  for (const Tick& tick : ticks(x.low, x.high, 10, unit)) {
    const std::string at = num(x.at(tick.value));
    add(lines, "M{} {}V{}", at, num(top), num(bottom + 4));
    add(labels, "<text x=\"{}\" y=\"{}\">{}</text>", at, num(bottom + 16), tick.label);
  }
  return fmt::format(
      "<path class=\"grid\" d=\"{}\"/><g class=\"mid\">{}</g><text class=\"end\" x=\"{}\" y=\"{}\">{}</text>\n", lines,
      labels, num(x.from - 14), num(bottom + 16), unit.name);
}

std::vector<std::uint32_t> some_ranks(std::uint32_t ranks, std::uint32_t most, std::uint32_t must) {
  std::vector<std::uint32_t> out;
  if (ranks <= most || most < 2) {
    for (std::uint32_t rank = 0; rank < ranks; ++rank) out.push_back(rank);
    return out;
  }
  for (std::uint32_t i = 0; i < most; ++i)
    out.push_back(static_cast<std::uint32_t>(std::uint64_t{i} * (ranks - 1) / (most - 1)));
  const auto next = std::lower_bound(out.begin(), out.end(), must);
  if (next != out.end() && *next != must) {
    const bool inner = next + 1 != out.end();  // the last rank stays
    *(inner ? next : next - 1) = must;
  }
  return out;
}

}  // namespace bigmac::html
