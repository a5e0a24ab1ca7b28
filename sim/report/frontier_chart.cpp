// The chart of a frontier: microbatches held, on a logarithmic axis, against time.
#include <algorithm>
#include <cmath>

#include "bigmac/report/frontier.h"
#include "bigmac/report/tables.h"
#include "svg.h"

namespace bigmac {
namespace {

using html::add;
using html::num;

constexpr double kWidth = 720, kHeight = 400;
constexpr double kX0 = 70, kX1 = 690, kY0 = 46, kY1 = 340;  // the plot's frame
constexpr double kSlowest = 1.6;  // points slower than this times the fastest stand at the upper edge, with their time

struct Box {
  double left, top, right, bottom;

  bool meets(const Box& o) const { return left < o.right && o.left < right && top < o.bottom && o.top < bottom; }
};

class Chart {
 public:
  explicit Chart(const Frontier& frontier) : frontier_(frontier) {
    std::int64_t fastest = frontier.bound ? frontier.bound->value : INT64_MAX, slowest = 0;
    std::uint32_t most = 2;
    for (const FrontierPoint& point : frontier.points) {
      if (!point.refusal.empty()) continue;
      fastest = std::min(fastest, point.time.value);
      most = std::max(most, point.live);
    }
    for (const FrontierPoint& point : frontier.points)
      if (static_cast<double>(point.time.value) <= kSlowest * static_cast<double>(fastest))
        slowest = std::max(slowest, point.time.value);
    const double room = std::max(1.0, 0.08 * static_cast<double>(slowest - fastest));
    y_ = {static_cast<double>(fastest) - room, static_cast<double>(slowest) + room, kY1, kY0};
    x_ = {0, std::log2(static_cast<double>(most)) + 0.3, kX0, kX1};
  }

  std::string run() {
    axes();
    bound();
    for (const std::string& way : ways()) stairs(way);
    for (const FrontierPoint& point : frontier_.points)
      if (point.refusal.empty() && point.schedule != "hybrid") other(point);
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" "
               "role=\"img\" font-family=\"Helvetica,Arial,DejaVu Sans,sans-serif\" font-size=\"12\">\n<title>{2}"
               "</title>\n<style>.grid{{stroke:#d5dae1;fill:none}}text{{fill:#444c57}}.mid{{text-anchor:middle}}"
               ".end{{text-anchor:end}}.head{{font-size:14px;font-weight:600;fill:#14171b}}.hybrid{{stroke:#0072b2;"
               "fill:none;stroke-width:2}}.way{{stroke-dasharray:4 "
               "3}}.dot{{fill:#0072b2}}.bound{{stroke:#14171b;fill:none;stroke-dasharray:5 4}}"
               ".point{{fill:#d55e00}}.name{{fill:#0072b2;font-weight:600}}</style>\n<rect width=\"{0}\" "
               "height=\"{1}\" fill=\"#fff\"/>\n"
               "<text class=\"head\" x=\"12\" y=\"22\">{2}</text>\n",
               kWidth, kHeight, html::escaped(frontier_.title + ": time against encoder microbatches held on a rank")) +
           out_ + "</svg>\n";
  }

 private:
  double x(std::uint32_t live) const { return x_.at(std::log2(static_cast<double>(std::max(1u, live)))); }
  double y(Nanoseconds time) const { return std::max(kY0, y_.at(static_cast<double>(time.value))); }

  void axes() {
    const html::Unit unit = html::time_unit(Nanoseconds{static_cast<std::int64_t>(y_.high)});
    for (const html::Tick& tick : html::ticks(y_.low, y_.high, 6, unit))
      add(out_, "<path class=\"grid\" d=\"M{} {}H{}\"/><text class=\"end\" x=\"{}\" y=\"{}\">{}</text>\n", kX0,
          num(y_.at(tick.value)), kX1, kX0 - 8, num(y_.at(tick.value) + 4), tick.label);
    for (std::uint32_t live = 1; std::log2(live) <= x_.high; live *= 2)
      add(out_, "<path class=\"grid\" d=\"M{} {}V{}\"/><text class=\"mid\" x=\"{}\" y=\"{}\">{}</text>\n", num(x(live)),
          kY0, kY1, num(x(live)), kY1 + 18, live);
    add(out_,
        "<text x=\"12\" y=\"38\">iteration, {}</text><text class=\"end\" x=\"{}\" y=\"{}\">encoder microbatches "
        "held, most on any rank</text>\n",
        unit.name, kX1, kY1 + 40);
  }

  /// What holds up to a limit, and beyond the last one.
  void bound() {
    if (!frontier_.bound) return;
    std::string path = fmt::format("M{} ", kX0);
    const char* step = "";
    for (const FrontierPoint& point : frontier_.points)
      if (point.limit && point.bound && point.way.empty() && !point.within && x(*point.limit) < kX1) {
        path += fmt::format("{}{}H{}", step, num(y(*point.bound)), num(x(*point.limit)));
        step = "V";
      }
    const double at = y(*frontier_.bound);
    path += fmt::format("{}{}H{}", step, num(at), kX1);
    labels_.push_back({kX1 - 150, at, kX1, at + 16});
    add(out_, "<path class=\"bound\" d=\"{}\"/><text class=\"end\" x=\"{}\" y=\"{}\">lower bound {}</text>\n", path,
        kX1, num(at + 14), human_time(*frontier_.bound));
  }

  /// Of giving time for memory, as they come.
  std::vector<std::string> ways() const {
    std::vector<std::string> out;
    for (const FrontierPoint& point : frontier_.points)
      if (point.schedule == "hybrid" && std::find(out.begin(), out.end(), point.way) == out.end())
        out.push_back(point.way);
    return out;
  }

  void stairs(const std::string& way) {
    std::string path;
    for (const FrontierPoint& point : frontier_.points) {
      if (!point.refusal.empty() || point.schedule != "hybrid" || point.way != way) continue;
      if (point.within) {
        // a limit on memory, not on microbatches: a point beside the stairs
      } else if (path.empty()) {
        path = fmt::format("M{} {}", num(x(point.live)), num(y(point.time)));
        label(x(point.live), y(point.time), way.empty() ? "hybrid" : "hybrid " + way, "name");
      } else {
        path += fmt::format("H{}V{}", num(x(point.live)), num(y(point.time)));
      }
      add(out_, "<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"4\"><title>hybrid, {} held: {}</title></circle>\n",
          num(x(point.live)), num(y(point.time)), point.live, human_time(point.time));
    }
    if (!path.empty()) add(out_, "<path class=\"{}\" d=\"{}\"/>\n", way.empty() ? "hybrid" : "hybrid way", path);
  }

  void other(const FrontierPoint& point) {
    const bool above = y_.at(static_cast<double>(point.time.value)) < kY0;
    const double px = x(point.live), py = y(point.time);
    add(out_, "<circle class=\"point\" cx=\"{}\" cy=\"{}\" r=\"4\"/>\n", num(px), num(py));
    label(px, py, point.schedule + (above ? " (" + human_time(point.time) + ")" : ""), "point-name");
  }

  /// Beside a point, where it covers no other label: right or left, then further and further down.
  void label(double px, double py, const std::string& text, const char* css) {
    const double width = 7.0 * static_cast<double>(text.size());
    for (int row = 0;; ++row)
      for (const bool right : {true, false}) {
        const double top = py + (row % 2 == 0 ? 0 : -24) + 13.0 * (row / 2);
        const Box box{right ? px + 7 : px - 7 - width, top, right ? px + 7 + width : px - 7, top + 12};
        if (row < 20 && (box.left < kX0 || box.right > kX1 || box.top < kY0 - 6)) continue;
        if (std::any_of(labels_.begin(), labels_.end(), [&](const Box& other) { return other.meets(box); })) continue;
        labels_.push_back(box);
        add(out_, "<text class=\"{}\" x=\"{}\" y=\"{}\">{}</text>\n", css, num(box.left), num(box.top + 11),
            html::escaped(text));
        return;
      }
  }

  const Frontier& frontier_;
  html::Scale x_, y_;
  std::vector<Box> labels_;
  std::string out_;
};

}  // namespace

std::string frontier_chart(const Frontier& frontier) { return Chart(frontier).run(); }

}  // namespace bigmac
