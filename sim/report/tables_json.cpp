#include "bigmac/report/tables.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/schedule/registry.h"

namespace bigmac {
namespace {

constexpr std::uint32_t kMostRows = 16;  // ranks shown; the rest is one line

double ratio(Nanoseconds a, Nanoseconds b) {
  return b.value == 0 ? 1.0 : static_cast<double>(a.value) / static_cast<double>(b.value);
}

std::string rank_row(const Outcome& outcome, std::uint32_t rank) {
  const RankActivations& r = outcome.ranks[rank];
  return fmt::format("{:>5} {:>12} {:>6.1f} % {:>14} {:>9} {:>10} {:>10}\n", rank, human_time(r.busy),
                     100 * (1 - ratio(r.busy, outcome.iteration)), human_bytes(r.peak),
                     r.live[static_cast<std::size_t>(Role::encoder)], r.live[static_cast<std::size_t>(Role::generator)],
                     r.live[static_cast<std::size_t>(Role::llm)]);
}

Json parameter_json(const ScheduleParameter& parameter) {
  Json out = {
      {"name", parameter.name}, {"meaning", parameter.meaning}, {"least", parameter.least}, {"most", parameter.most}};
  if (parameter.fallback) out["default"] = *parameter.fallback;
  return out;
}

}  // namespace

std::string human_time(Nanoseconds time) {
  const double t = static_cast<double>(time.value);
  if (t < 1e3) return fmt::format("{} ns", time.value);
  if (t < 1e6) return fmt::format("{:.3f} us", t / 1e3);
  if (t < 1e9) return fmt::format("{:.3f} ms", t / 1e6);
  return fmt::format("{:.3f} s", t / 1e9);
}

std::string human_bytes(Bytes bytes) {
  const double b = static_cast<double>(bytes.value);
  if (std::abs(b) < 1e3) return fmt::format("{} B", bytes.value);
  if (std::abs(b) < 1e6) return fmt::format("{:.2f} kB", b / 1e3);
  if (std::abs(b) < 1e9) return fmt::format("{:.2f} MB", b / 1e6);
  return fmt::format("{:.2f} GB", b / 1e9);
}

std::string outcome_table(const ScheduleFile& file, const Outcome& outcome) {
  const Pipeline& p = file.pipeline;
  std::string out = fmt::format("{}{} on {} ranks x {} chunks, {} microbatches, {} operations\n", file.schedule.name,
                                file.schedule.base.empty() ? "" : " over " + file.schedule.base, p.ranks, p.chunks,
                                p.microbatches, file.schedule.ops.size());
  for (const auto& [name, value] : file.schedule.parameters) out += fmt::format("  {} = {}\n", name, value);
  out += fmt::format("iteration    {} ({} ns)\n", human_time(outcome.iteration), outcome.iteration.value);
  out += fmt::format("lower bound  {} ({} ns, {}), time / bound {:.4f}\n", human_time(outcome.lower_bound),
                     outcome.lower_bound.value,
                     outcome.bound_by_limits ? "every schedule within the limits" : "this placement",
                     ratio(outcome.iteration, outcome.lower_bound));
  out += fmt::format("bubble       {:.2f} %\n", 100 * outcome.bubble_fraction);
  out += fmt::format("bound by     {}\n\n", bottleneck(p, file.costs, file.schedule, outcome));
  out += fmt::format("{:>5} {:>12} {:>8} {:>14} {:>9} {:>10} {:>10}\n", "rank", "busy", "idle", "peak activ.",
                     "encoder", "generator", "LLM chunks");
  for (std::uint32_t rank = 0; rank < std::min(p.ranks, kMostRows); ++rank) out += rank_row(outcome, rank);
  if (p.ranks > kMostRows) out += fmt::format("  ... {} more ranks (--json shows all)\n", p.ranks - kMostRows);
  return out;
}

std::string outcome_json(const ScheduleFile& file, const Outcome& outcome) {
  Json ranks = Json::array();
  for (std::uint32_t rank = 0; rank < file.pipeline.ranks; ++rank) {
    const RankActivations& r = outcome.ranks[rank];
    ranks.push_back({{"rank", rank},
                     {"busy_ns", r.busy.value},
                     {"peak_activation_bytes", r.peak.value},
                     {"live_microbatches",
                      {{"encoder", r.live[static_cast<std::size_t>(Role::encoder)]},
                       {"generator", r.live[static_cast<std::size_t>(Role::generator)]},
                       {"llm_chunks", r.live[static_cast<std::size_t>(Role::llm)]}}}});
  }
  Json parameters = Json::object();
  for (const auto& [name, value] : file.schedule.parameters) parameters[name] = value;
  const Json out = {
      {"schedule", {{"name", file.schedule.name}, {"base", file.schedule.base}, {"parameters", parameters}}},
      {"operations", file.schedule.ops.size()},
      {"iteration_ns", outcome.iteration.value},
      {"lower_bound_ns", outcome.lower_bound.value},
      {"bubble_fraction", Json::parse(fmt::format("{:.6f}", outcome.bubble_fraction))},
      {"ranks", ranks}};
  return out.dump(1) + "\n";
}

std::string schedules_table() {
  constexpr std::size_t kIndent = 13;
  std::string out;
  const auto entry = [&](const std::string& name, const std::string& text) {
    out += wrapped(fmt::format("{:<12} {}", name, text), kIndent + 2) + "\n";
  };
  for (const ScheduleInfo& info : all_schedules()) {
    entry(info.name, info.summary);
    entry("", "paper: " + info.paper);
    entry("", "requires: " + info.needs);
    if (!info.bases.empty()) entry("", fmt::format("bases: {}", fmt::join(info.bases, ", ")));
    for (const ScheduleParameter& p : info.parameters)
      entry("", fmt::format("--set {}=N{}: {}", p.name, p.fallback ? fmt::format(" (default {})", *p.fallback) : "",
                            p.meaning));
  }
  return out;
}

std::string schedules_json() {
  Json out = Json::array();
  for (const ScheduleInfo& info : all_schedules()) {
    Json entry = {{"name", info.name},      {"summary", info.summary}, {"paper", info.paper},
                  {"requires", info.needs}, {"bases", info.bases},     {"parameters", Json::array()}};
    for (const ScheduleParameter& p : info.parameters) entry["parameters"].push_back(parameter_json(p));
    out.push_back(std::move(entry));
  }
  return out.dump(1) + "\n";
}

}  // namespace bigmac
