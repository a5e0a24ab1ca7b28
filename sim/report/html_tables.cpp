// The ranking of plans and what every rank does and holds.
#include <algorithm>

#include "bigmac/report/tables.h"
#include "html_parts.h"

namespace bigmac::html {
namespace {

constexpr std::size_t kMostPlans = 10;
constexpr std::uint32_t kMostRanks = 64;

/// A cell that sorts by its value, not by its text.
std::string cell(double value, const std::string& text) {
  return fmt::format("<td data-v=\"{:.6g}\">{}</td>", value, text);
}
std::string cell(Nanoseconds time) { return fmt::format("<td data-v=\"{}\">{}</td>", time.value, human_time(time)); }
std::string cell(Bytes bytes) { return fmt::format("<td data-v=\"{}\">{}</td>", bytes.value, human_bytes(bytes)); }
std::string share(double fraction) { return cell(fraction, fmt::format("{:.1f} %", 100 * fraction)); }
std::string text_cell(const std::string& text) { return "<td class=\"t\">" + escaped(text) + "</td>"; }

std::string plan_row(const PlanRow& row, std::size_t number, Nanoseconds best) {
  const double more = best.value > 0 ? static_cast<double>(row.step.value) / static_cast<double>(best.value) - 1 : 0;
  return fmt::format("<tr{}><td class=\"t\" data-v=\"{}\">{}</td>", number == 1 ? " class=\"chosen\"" : "", number,
                     number) +
         text_cell(row.plan) + text_cell(row.schedule) + cell(row.step) +
         cell(more, fmt::format("{:+.1f} %", 100 * more)) + cell(row.memory) + share(row.mfu) + share(row.bubble) +
         text_cell(row.bound_by) + "</tr>\n";
}

/// What a GPU of a rank holds at its fullest, by kind: one bar, drawn against the fullest rank or the limit.
std::string bar(const RankMemory& memory, double whole) {
  std::string out = "<td><span class=\"bar\">";
  const Bytes kinds[] = {memory.weights, memory.gradients, memory.optimizer, memory.buffers, memory.activations};
  for (std::size_t k = 0; k < std::size(kinds); ++k)
    if (kinds[k].value > 0)
      add(out, "<i class=\"{}\" style=\"width:{}%\"></i>", k == 4 ? "m5" : kMemory[k].css,
          num(100 * static_cast<double>(kinds[k].value) / whole));
  return out + "</span></td>";
}

std::string memory_cells(const Page& page, std::uint32_t rank, double whole) {
  if (!page.file.plan || rank >= page.file.plan->memory.size())
    return cell(page.outcome.ranks[rank].peak_with_transient);
  const RankMemory& m = page.file.plan->memory[rank];
  return cell(m.weights) + cell(m.gradients) + cell(m.optimizer) + cell(m.buffers) + cell(m.activations) +
         cell(m.total()) + bar(m, whole);
}

std::string rank_row(const Page& page, std::uint32_t rank, double whole) {
  const RankActivations& r = page.outcome.ranks[rank];
  const double iteration = std::max<double>(1, static_cast<double>(page.outcome.iteration.value));
  std::string out = fmt::format("<tr><td class=\"t\" data-v=\"{}\">{}</td>", rank, rank) + cell(r.busy) +
                    share(1 - static_cast<double>(r.busy.value) / iteration);
  const auto live = [&](Role role) {
    const std::uint32_t most = r.live[static_cast<std::size_t>(role)];
    return cell(most, fmt::format("{}", most));
  };
  if (!page.file.pipeline.encoders.empty()) out += live(Role::encoder);
  out += live(Role::llm);
  if (!page.file.pipeline.generators.empty()) out += live(Role::generator);
  return out + memory_cells(page, rank, whole) + "</tr>\n";
}

std::string rank_heads(const Page& page) {
  std::string out = "<th class=\"t\">rank</th><th>busy</th><th>idle</th>";
  if (!page.file.pipeline.encoders.empty()) out += "<th>encoder passes</th>";
  out += "<th>LLM passes</th>";
  if (!page.file.pipeline.generators.empty()) out += "<th>generator passes</th>";
  return out + (page.file.plan ? "<th>weights</th><th>gradients</th><th>optimizer</th><th>buffers</th><th>activations</"
                                 "th><th>total</th><th></th>"
                               : "<th>activations</th>");
}

}  // namespace

std::string plans_section(const Page& page) {
  const auto& best = page.report.best;
  if (best.empty()) return "";
  const std::size_t shown = std::min(best.size(), kMostPlans);
  std::string out =
      fmt::format("<section><h2>{}</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Best plans\">",
                  shown == 1 ? "The plan" : fmt::format("The {} best plans", shown));
  out +=
      "<table class=\"sort\"><thead><tr><th class=\"t\">#</th><th class=\"t\">plan</th><th "
      "class=\"t\">schedule</th><th>step</th>"
      "<th>over the first</th><th>memory</th><th>MFU</th><th>bubble</th><th class=\"t\">bound "
      "by</th></tr></thead><tbody>\n";
  for (std::size_t i = 0; i < shown; ++i) out += plan_row(best[i], i + 1, best[0].step);
  return out + "</tbody></table></div></section>\n";
}

std::string ranks_section(const Page& page) {
  const auto ranks = static_cast<std::uint32_t>(page.outcome.ranks.size());
  if (ranks == 0) return "";
  const std::uint32_t fullest = fullest_rank(page);
  const double whole = std::max<double>(1, static_cast<double>(rank_total(page, fullest).value));
  const std::vector<std::uint32_t> shown = some_ranks(ranks, kMostRanks, fullest);
  std::string out =
      "<section><h2>Ranks</h2>\n<p class=\"note\">Passes: the most microbatches whose activations a rank holds at "
      "once. "
      "Memory is that of one GPU at its fullest.";
  if (shown.size() < ranks) add(out, " {} of {} ranks are listed.", shown.size(), ranks);
  out +=
      "</p>\n<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Ranks\"><table "
      "class=\"sort\"><thead><tr>" +
      rank_heads(page) + "</tr></thead><tbody>\n";
  for (const std::uint32_t rank : shown) out += rank_row(page, rank, whole);
  return out + "</tbody></table></div></section>\n";
}

}  // namespace bigmac::html
