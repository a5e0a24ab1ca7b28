#include <algorithm>
#include <array>
#include <cmath>

#include "report.h"
#include "svg.h"

namespace accuracy {
namespace {

using bigmac::html::add;
using bigmac::html::num;
using bigmac::html::Scale;

constexpr double kSide = 560, kLeft = 60, kTop = 20;
// What no letter of an 11-point sans-serif is wider than on average over a title.
constexpr double kLetter = 6.6;
// Okabe and Ito's colours, told apart without seeing red and green, and two greys.
constexpr std::array<const char*, 9> kColours = {"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00",
                                                 "#56b4e9", "#b8a800", "#000000", "#888888"};

struct Axes {
  Scale x, y;  // of logarithms of seconds
};

Axes axes_of(const std::vector<GroupResult>& groups) {
  double low = 1e9, high = 0;
  for (const GroupResult& group : groups)
    for (const Result& result : group.results) {
      if (!result.row->measured.step_s) continue;
      low = std::min({low, *result.row->measured.step_s, result.prediction.step_s});
      high = std::max({high, *result.row->measured.step_s, result.prediction.step_s});
    }
  const double from = std::log10(std::min(low, high) / 1.3), to = std::log10(high * 1.3 + 1e-9);
  return {{from, to, kLeft, kLeft + kSide}, {from, to, kTop + kSide, kTop}};
}

// Decades and their twos and fives.
std::string grid(const Axes& axes) {
  std::string out;
  for (int decade = static_cast<int>(std::floor(axes.x.low)); decade <= axes.x.high; ++decade)
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double value = factor * std::pow(10, decade), at = std::log10(value);
      if (at < axes.x.low || at > axes.x.high) continue;
      add(out, "<path class=\"grid\" d=\"M{} {}V{}M{} {}H{}\"/>", num(axes.x.at(at)), num(kTop), num(kTop + kSide),
          num(kLeft), num(axes.y.at(at)), num(kLeft + kSide));
      add(out, "<text class=\"mid\" x=\"{}\" y=\"{}\">{:g}</text>", num(axes.x.at(at)), num(kTop + kSide + 16), value);
      add(out, "<text class=\"end\" x=\"{}\" y=\"{}\">{:g}</text>\n", num(kLeft - 6), num(axes.y.at(at) + 4), value);
    }
  return out;
}

// The diagonal, and 10 % to either side of it.
std::string diagonals(const Axes& axes) {
  std::string out;
  for (const double factor : {1.0, 1.1, 1 / 1.1}) {
    const double shift = std::log10(factor), from = axes.x.low + std::max(0.0, -shift);
    const double to = axes.x.high - std::max(0.0, shift);
    add(out, "<path class=\"{}\" d=\"M{} {}L{} {}\"/>\n", factor == 1.0 ? "even" : "near", num(axes.x.at(from)),
        num(axes.y.at(from + shift)), num(axes.x.at(to)), num(axes.y.at(to + shift)));
  }
  return out;
}

std::string points(const Axes& axes, const GroupResult& group, const char* colour) {
  std::string out;
  for (const Result& result : group.results) {
    if (!result.row->measured.step_s) continue;
    const double x = axes.x.at(std::log10(*result.row->measured.step_s));
    const double y = axes.y.at(std::log10(result.prediction.step_s));
    const bool fitted = result.row->use == Use::fitted;
    add(out, "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{}\" stroke=\"{}\"><title>{}: {:+.1f} %</title></circle>\n",
        num(x), num(y), fitted ? "none" : colour, colour, bigmac::html::escaped(result.row->name),
        100 * result.time_error());
  }
  return out;
}

double legend_width(const std::vector<GroupResult>& groups) {
  std::size_t longest = 0;
  for (const GroupResult& group : groups) longest = std::max(longest, group.group->title.size());
  return 36 + kLetter * static_cast<double>(std::max<std::size_t>(longest, 48));
}

}  // namespace

std::string scatter_plot(const std::vector<GroupResult>& groups) {
  const Axes axes = axes_of(groups);
  std::string out;
  add(out,
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"11\">\n",
      num(kLeft + kSide + legend_width(groups)), num(kTop + kSide + 44));
  out +=
      "<style>.grid{stroke:#ddd}.even{stroke:#333}.near{stroke:#999;stroke-dasharray:4 3}path{fill:none}"
      ".mid{text-anchor:middle}.end{text-anchor:end}</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";
  out += grid(axes) + diagonals(axes);
  double at = kTop + 10;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    const char* colour = kColours[i % kColours.size()];
    out += points(axes, groups[i], colour);
    add(out, "<circle cx=\"{}\" cy=\"{}\" r=\"4\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text>\n",
        num(kLeft + kSide + 16), num(at - 4), colour, num(kLeft + kSide + 26), num(at),
        bigmac::html::escaped(groups[i].group->title));
    at += 18;
  }
  add(out, "<text x=\"{}\" y=\"{}\">open: fitted, full: tested; dashed: 10 % off</text>\n", num(kLeft + kSide + 12),
      num(at + 6));
  add(out, "<text class=\"mid\" x=\"{}\" y=\"{}\">measured step, s</text>", num(kLeft + kSide / 2),
      num(kTop + kSide + 34));
  add(out, "<text class=\"mid\" transform=\"translate(14 {}) rotate(-90)\">predicted step, s</text>\n</svg>\n",
      num(kTop + kSide / 2));
  return out;
}

}  // namespace accuracy
