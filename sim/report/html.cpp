#include "bigmac/report/html.h"

#include <algorithm>

#include "bigmac/base/error.h"
#include "bigmac/report/tables.h"
#include "html_data.h"

namespace bigmac {
namespace html {
namespace {

void card(std::string& out, const char* name, const std::string& value, const std::string& more) {
  add(out, "<div><dt>{}</dt><dd>{}</dd><dd class=\"more\">{}</dd></div>\n", name, escaped(value), escaped(more));
}

std::string percent(double fraction) { return fmt::format("{:.1f} %", 100 * fraction); }

std::string schedule_name(const Schedule& schedule) {
  return schedule.base.empty() ? schedule.name : schedule.name + " over " + schedule.base;
}

std::string step_detail(const Page& page, Nanoseconds step) {
  const Outcome& outcome = page.outcome;
  std::string out = step == outcome.iteration ? "" : human_time(outcome.iteration) + " of it in the pipeline";
  if (outcome.lower_bound.value <= 0) return out;
  return fmt::format("{}{}pipeline at {:.3f} of its lower bound", out, out.empty() ? "" : "; ",
                     static_cast<double>(outcome.iteration.value) / static_cast<double>(outcome.lower_bound.value));
}

std::string list_section(const char* heading, const std::vector<std::string>& lines) {
  if (lines.empty()) return "";
  std::string out = fmt::format("<section><h2>{}</h2><ul>\n", heading);
  for (const std::string& line : lines) out += "<li>" + escaped(line) + "</li>\n";
  return out + "</ul></section>\n";
}

}  // namespace

std::vector<std::string> assumptions(const Page& page) {
  std::vector<std::string> out = page.report.notes;
  for (const std::string& note : page.file.schedule.notes)
    if (std::find(out.begin(), out.end(), note) == out.end()) out.push_back(note);
  return out;
}

Bytes rank_total(const Page& page, std::uint32_t rank) {
  if (page.file.plan && rank < page.file.plan->memory.size()) return page.file.plan->memory[rank].total();
  return page.outcome.ranks[rank].peak_with_transient;
}

std::uint32_t fullest_rank(const Page& page) {
  std::uint32_t fullest = 0;
  for (std::uint32_t rank = 1; rank < page.outcome.ranks.size(); ++rank)
    if (rank_total(page, rank) > rank_total(page, fullest)) fullest = rank;
  return fullest;
}

std::optional<Bytes> memory_limit(const Page& page) {
  if (page.file.job.memory_limit) return page.file.job.memory_limit;
  if (page.file.job.cluster) return page.file.job.cluster->gpu.memory;
  return std::nullopt;
}

std::string headline(const Page& page) {
  const auto& best = page.report.best;
  const auto& plan = page.file.plan;
  std::string out = "<p class=\"plan\">";
  if (!best.empty()) out += "<b>" + escaped(best[0].plan) + "</b> ";
  out += escaped(schedule_name(page.file.schedule)) + "</p>\n<dl class=\"cards\">\n";
  const Nanoseconds step = plan ? plan->step : best.empty() ? page.outcome.iteration : best[0].step;
  card(out, "Step time", human_time(step), step_detail(page, step));
  if (plan || !best.empty())
    card(out, "MFU", percent(plan ? plan->mfu : best[0].mfu), "model FLOPs over the GPUs' peak");
  const auto limit = memory_limit(page);
  const std::uint32_t fullest = fullest_rank(page);
  card(out, "Memory per GPU", human_bytes(rank_total(page, fullest)),
       fmt::format("rank {}, the fullest{}", fullest, limit ? ", of " + human_bytes(*limit) : ""));
  card(out, "Bubble", percent(page.outcome.bubble_fraction),
       "bound by: " + (!best.empty() && !best[0].bound_by.empty()
                           ? best[0].bound_by
                           : bottleneck(page.file.pipeline, page.file.costs, page.file.schedule, page.outcome)));
  return out + "</dl>\n";
}

}  // namespace html

PlanRow row_of(const ScheduleFile& file, const Outcome& outcome) {
  const HtmlReport none;
  const html::Page page{none, file, outcome, html::Palette(file.pipeline)};
  PlanRow row;
  row.plan = fmt::format("{} ranks x {} chunks, {} microbatches", file.pipeline.ranks, file.pipeline.chunks,
                         file.pipeline.microbatches);
  row.schedule = html::schedule_name(file.schedule);
  row.step = file.plan ? file.plan->step : outcome.iteration;
  row.memory = html::rank_total(page, html::fullest_rank(page));
  row.mfu = file.plan ? file.plan->mfu : 0;
  row.bubble = outcome.bubble_fraction;
  row.bound_by = bottleneck(file.pipeline, file.costs, file.schedule, outcome);
  return row;
}

bool has_interactive_report() { return !html::page_template().empty(); }

std::string report_html(const HtmlReport& report, const ScheduleFile& file, const Outcome& outcome) {
  constexpr std::size_t kMostOperations = 2'000'000;
  if (!has_interactive_report() || file.schedule.ops.size() > kMostOperations)
    return static_report_html(report, file, outcome);
  std::string out = html::page_template();
  const auto put = [&out](const std::string& mark, const std::string& text) {
    const std::size_t at = out.find(mark);
    BIGMAC_CHECK(at != std::string::npos);
    out.replace(at, mark.size(), text);
  };
  put("<!--bigmac-title-->", html::escaped(report.title.empty() ? "Pipeline schedule" : report.title));
  put("<!--bigmac-data-->", html::data_element(html::report_data(report, file, outcome)));
  return out;
}

std::string static_report_html(const HtmlReport& report, const ScheduleFile& file, const Outcome& outcome) {
  const html::Page page{report, file, outcome, html::Palette(file.pipeline)};
  const std::string title = html::escaped(report.title.empty() ? "Pipeline schedule" : report.title);
  std::string out =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n";
  out += "<title>" + title + "</title>\n" + html::style_sheet(page.palette) + "</head>\n<body>\n<main>\n<h1>" + title +
         "</h1>\n";
  out += html::headline(page) + html::front_section(page) + html::timeline_section(page) + html::memory_section(page) +
         html::plans_section(page) + html::ranks_section(page);
  out += html::list_section("Job", report.facts) + html::list_section("Assumptions", html::assumptions(page));
  html::add(out, "<footer>{} {}</footer>\n</main>\n", html::escaped(file.generator_name), kVersion);
  return out + html::sorting_script() + "</body>\n</html>\n";
}

}  // namespace bigmac
