// The Pareto front: step time against memory, with the plans beside it.
#include <algorithm>
#include <array>

#include "bigmac/report/tables.h"
#include "html_parts.h"

namespace bigmac::html {
namespace {

constexpr double kPlotWidth = 608, kPlotHeight = 360;
constexpr double kX0 = 58, kX1 = 590, kY0 = 22, kY1 = 316;  // the plot's frame
constexpr std::size_t kMostListed = 12;

struct Box {
  double left, top, right, bottom;

  bool meets(const Box& o) const { return left < o.right && o.left < right && top < o.bottom && o.top < bottom; }
};

bool same_plan(const PlanRow& a, const PlanRow& b) {
  return a.plan == b.plan && a.schedule == b.schedule && a.step == b.step;
}

/// [low, high] of some values with room around them.
Scale padded(double low, double high, double from, double to) {
  const double room = std::max({0.08 * (high - low), 0.02 * high, 1.0});
  return {std::max(0.0, low - room), high + room, from, to};
}

class Scatter {
 public:
  explicit Scatter(const Page& page) : report_(page.report) {
    std::vector<double> time, memory;
    for (const auto* rows : {&report_.front, &report_.best})
      for (const PlanRow& row : *rows) {
        time.push_back(static_cast<double>(row.step.value));
        memory.push_back(static_cast<double>(row.memory.value));
      }
    const auto [fast, slow] = std::minmax_element(time.begin(), time.end());
    const auto [small, large] = std::minmax_element(memory.begin(), memory.end());
    x_ = padded(*fast, *slow, kX0, kX1);
    y_ = padded(*small, *large, kY1, kY0);
    limit_ = memory_limit(page);
  }

  std::string run() {
    out_ = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"group\" aria-label=\"Step time against memory per GPU\">\n",
                       kPlotWidth, kPlotHeight);
    axes();
    limit();
    stairs();
    for (const PlanRow& row : report_.best)
      if (!on_front(row)) point(row, "ot", 4);
    for (const PlanRow& row : report_.front) point(row, "pt", 4.5);
    chosen();
    labels();
    return out_ + "</svg>\n";
  }

 private:
  double x(const PlanRow& row) const { return x_.at(static_cast<double>(row.step.value)); }
  double y(const PlanRow& row) const { return y_.at(static_cast<double>(row.memory.value)); }

  bool on_front(const PlanRow& row) const {
    return std::any_of(report_.front.begin(), report_.front.end(), [&](const PlanRow& f) { return same_plan(f, row); });
  }

  void axes() {
    const Unit time = time_unit(Nanoseconds{static_cast<std::int64_t>(x_.high)});
    const Unit bytes = byte_unit(Bytes{static_cast<std::int64_t>(y_.high)});
    std::string lines, labels;
    for (const Tick& tick : ticks(x_.low, x_.high, 6, time)) {
      add(lines, "M{} {}V{}", num(x_.at(tick.value)), kY0, kY1);
      add(labels, "<text class=\"mid\" x=\"{}\" y=\"{}\">{}</text>", num(x_.at(tick.value)), kY1 + 16, tick.label);
    }
    for (const Tick& tick : ticks(y_.low, y_.high, 6, bytes)) {
      add(lines, "M{} {}H{}", kX0, num(y_.at(tick.value)), kX1);
      add(labels, "<text class=\"end\" x=\"{}\" y=\"{}\">{}</text>", kX0 - 8, num(y_.at(tick.value) + 4), tick.label);
    }
    add(out_, "<path class=\"grid\" d=\"{}\"/><path class=\"axis\" d=\"M{} {}V{}H{}\"/>{}\n", lines, kX0, kY0, kY1, kX1,
        labels);
    add(out_,
        "<text x=\"0\" y=\"11\">memory per GPU, {}</text><text class=\"end\" x=\"{}\" y=\"{}\">step time, {}</text>\n",
        bytes.name, kX1, kY1 + 36, time.name);
  }

  void limit() {
    if (!limit_ || static_cast<double>(limit_->value) > y_.high || static_cast<double>(limit_->value) < y_.low) return;
    const double at = y_.at(static_cast<double>(limit_->value));
    add(out_, "<path class=\"mark dash\" d=\"M{} {}H{}\"><title>memory limit: {}</title></path>\n", kX0, num(at), kX1,
        human_bytes(*limit_));
    taken_.push_back({kX0, at - 2, kX1, at + 2});
  }

  /// What the front leaves unreachable lies below and left of its stairs.
  void stairs() {
    std::string path;
    for (const PlanRow& row : report_.front)
      path += path.empty() ? fmt::format("M{} {}", num(x(row)), num(y(row)))
                           : fmt::format("H{}V{}", num(x(row)), num(y(row)));
    if (report_.front.size() > 1) add(out_, "<path class=\"stair\" d=\"{}\"/>\n", path);
  }

  void point(const PlanRow& row, const char* css, double radius) {
    const std::string what = escaped(fmt::format("{}, {}: {}, {}, MFU {:.1f} %", row.plan, row.schedule,
                                                 human_time(row.step), human_bytes(row.memory), 100 * row.mfu));
    add(out_,
        "<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"{}\" tabindex=\"0\" role=\"img\" "
        "aria-label=\"{}\"><title>{}</title></circle>\n",
        css, num(x(row)), num(y(row)), radius, what, what);
    taken_.push_back({x(row) - radius, y(row) - radius, x(row) + radius, y(row) + radius});
  }

  void chosen() {
    if (report_.best.empty()) return;
    const double px = x(report_.best[0]), py = y(report_.best[0]);
    add(out_, "<circle class=\"mark\" cx=\"{}\" cy=\"{}\" r=\"8.5\"/>\n", num(px), num(py));
    taken_.push_back({px - 9, py - 9, px + 9, py + 9});
  }

  /// Numbers of the front's plans, each at the first of a few places where it covers nothing; without such a place the
  /// number is left out (it is in the title and the table).
  void labels() {
    for (std::size_t i = 0; i < report_.front.size(); ++i) {
      const double px = x(report_.front[i]), py = y(report_.front[i]);
      const std::string text = fmt::format("{}", i + 1);
      const double half = 3.4 * static_cast<double>(text.size());
      constexpr std::array<std::array<double, 2>, 6> kPlaces = {
          {{10, -6}, {-10, 14}, {0, -11}, {0, 19}, {14, 4}, {-14, 4}}};
      for (const auto& [dx, dy] : kPlaces) {
        const Box box{px + dx - half, py + dy - 10, px + dx + half, py + dy + 1};
        if (box.left < kX0 || box.right > kX1 || box.top < kY0 || box.bottom > kY1) continue;
        if (std::any_of(taken_.begin(), taken_.end(), [&](const Box& other) { return other.meets(box); })) continue;
        add(out_, "<text class=\"mid\" x=\"{}\" y=\"{}\">{}</text>\n", num(px + dx), num(py + dy), text);
        taken_.push_back(box);
        break;
      }
    }
  }

  const HtmlReport& report_;
  Scale x_, y_;
  std::optional<Bytes> limit_;
  std::vector<Box> taken_;
  std::string out_;
};

std::string front_table(const HtmlReport& report) {
  std::string out =
      "<table><thead><tr><th class=\"t\">#</th><th class=\"t\">plan</th><th class=\"t\">schedule</th><th>step</th>"
      "<th>memory</th><th>MFU</th></tr></thead><tbody>\n";
  for (std::size_t i = 0; i < std::min(report.front.size(), kMostListed); ++i) {
    const PlanRow& row = report.front[i];
    const bool chosen = !report.best.empty() && same_plan(row, report.best[0]);
    add(out,
        "<tr{}><td class=\"t\">{}</td><td class=\"t\">{}</td><td class=\"t\">{}</td><td>{}</td><td>{}</td><td>{:.1f} "
        "%</td></tr>\n",
        chosen ? " class=\"chosen\"" : "", i + 1, escaped(row.plan), escaped(row.schedule), human_time(row.step),
        human_bytes(row.memory), 100 * row.mfu);
  }
  out += "</tbody></table>\n";
  if (report.front.size() > kMostListed)
    add(out, "<p class=\"note\">The {} fastest of {} plans on the front.</p>\n", kMostListed, report.front.size());
  return out;
}

std::string scatter_legend() {
  constexpr const char* kKey = "<span class=\"key\"><svg viewBox=\"0 0 14 14\" aria-hidden=\"true\">{}</svg>{}</span>";
  return "<p class=\"legend\">" + fmt::format(kKey, "<circle class=\"mark\" cx=\"7\" cy=\"7\" r=\"6\"/>", "chosen") +
         fmt::format(kKey, "<circle class=\"pt\" cx=\"7\" cy=\"7\" r=\"4.5\"/>", "on the front") +
         fmt::format(kKey, "<circle class=\"ot\" cx=\"7\" cy=\"7\" r=\"4\"/>", "other good plans") +
         fmt::format(kKey, "<path class=\"mark dash\" d=\"M0 7H14\"/>", "memory limit") + "</p>\n";
}

}  // namespace

std::string front_section(const Page& page) {
  if (page.report.front.empty()) return "";
  return "<section><h2>Time against memory</h2>\n<p class=\"note\">Plans that no other plan beats in both. Left is "
         "faster, "
         "down is smaller.</p>\n<div class=\"pair\"><div>" +
         scatter_legend() + Scatter(page).run() + "</div><div>" + front_table(page.report) + "</div></div></section>\n";
}

}  // namespace bigmac::html
