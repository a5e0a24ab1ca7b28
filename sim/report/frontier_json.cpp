#include "bigmac/report/frontier.h"

#include <algorithm>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/report/tables.h"

namespace bigmac {
namespace {

std::string limit_text(const FrontierPoint& point) { return point.limit ? fmt::format("{}", *point.limit) : "-"; }

std::string over_bound(const FrontierPoint& point) {
  if (!point.bound) return "-";
  return fmt::format("{:.4f}", static_cast<double>(point.time.value) /
                                   static_cast<double>(std::max<std::int64_t>(1, point.bound->value)));
}

std::string name_of(const FrontierPoint& point) {
  return point.schedule + (point.way.empty() ? "" : " " + point.way) + (point.within ? " *" : "");
}

std::string row(const FrontierPoint& point) {
  if (!point.refusal.empty())
    return fmt::format("{:<22} {:>6}   does not run: {}\n", name_of(point), limit_text(point),
                       point.refusal.substr(0, 40) + (point.refusal.size() > 40 ? "..." : ""));
  return fmt::format("{:<22} {:>6} {:>12} {:>12} {:>12} {:>8} {:>6} {:>12}\n", name_of(point), limit_text(point),
                     human_time(point.step), human_time(point.time), point.bound ? human_time(*point.bound) : "-",
                     over_bound(point), point.live, human_bytes(point.memory));
}

}  // namespace

std::string frontier_table(const Frontier& frontier) {
  std::string out = fmt::format("{} over {}\n", frontier.title, frontier.base);
  if (frontier.bound)
    out += fmt::format("no schedule with whole backwards is faster than {}; within a limit, than its bound\n",
                       human_time(*frontier.bound));
  out += fmt::format("{:<22} {:>6} {:>12} {:>12} {:>12} {:>8} {:>6} {:>12}\n", "schedule", "limit", "step", "pipeline",
                     "bound", "/ bound", "live", frontier.whole_gpu ? "GPU memory" : "activations");
  for (const FrontierPoint& point : frontier.points) out += row(point);
  const auto& all = frontier.points;
  if (std::any_of(all.begin(), all.end(), [](const FrontierPoint& point) { return point.within.has_value(); }))
    out += "* asked to hold no more than another schedule (--set memory_limit)\n";
  return out;
}

std::string frontier_json(const Frontier& frontier) {
  Json points = Json::array();
  for (const FrontierPoint& point : frontier.points) {
    Json entry = {{"schedule", point.schedule}};
    if (point.limit) entry["encoder_live_limit"] = *point.limit;
    if (point.within) entry["memory_limit"] = point.within->value;
    if (!point.way.empty()) entry["way"] = point.way;
    if (point.bound) entry["lower_bound_ns"] = point.bound->value;
    if (!point.refusal.empty()) {
      entry["refusal"] = point.refusal;
    } else {
      entry["iteration_ns"] = point.time.value;
      entry["step_ns"] = point.step.value;
      entry["live_encoder_microbatches"] = point.live;
      entry[frontier.whole_gpu ? "memory_bytes" : "peak_activation_bytes"] = point.memory.value;
    }
    points.push_back(std::move(entry));
  }
  Json out = {{"job", frontier.title}, {"plan", frontier.chosen}, {"base", frontier.base}};
  if (frontier.bound) out["lower_bound_ns"] = frontier.bound->value;
  out["points"] = std::move(points);
  return out.dump(1) + "\n";
}

}  // namespace bigmac
