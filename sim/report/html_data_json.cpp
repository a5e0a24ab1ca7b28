#include "html_data.h"

#include <algorithm>
#include <array>

#include "bigmac/base/json_reader.h"
#include "bigmac/report/trace.h"

namespace bigmac {
namespace html {
namespace {

constexpr std::size_t kMostPlain = 64 * 1024;

Json row_json(const PlanRow& row) {
  return {{"plan", row.plan},         {"schedule", row.schedule},
          {"step", row.step.value},   {"memory", row.memory.value},
          {"mfu", row.mfu},           {"bubble", row.bubble},
          {"bound_by", row.bound_by}, {"place", nullptr},
          {"front", false},           {"drawing", row.drawing ? Json(*row.drawing) : Json()}};
}

bool same_plan(const Json& json, const PlanRow& row) {
  return json["plan"] == row.plan && json["schedule"] == row.schedule && json["step"] == row.step.value &&
         json["memory"] == row.memory.value;
}

/// A page about one schedule alone has one plan: it.
Json only_plan(const ScheduleFile& file, const Outcome& outcome) {
  PlanRow row = row_of(file, outcome);
  row.drawing = 0;
  Json out = row_json(row);
  out["place"] = 0;
  return Json::array({out});
}

/// The ranking, then what is on the front only.
Json plans_json(const HtmlReport& report) {
  Json out = Json::array();
  for (std::size_t i = 0; i < report.best.size(); ++i) {
    out.push_back(row_json(report.best[i]));
    out.back()["place"] = i;
  }
  for (const PlanRow& row : report.front) {
    auto known = std::find_if(out.begin(), out.end(), [&](const Json& json) { return same_plan(json, row); });
    if (known == out.end()) {
      out.push_back(row_json(row));
      known = out.end() - 1;
    }
    (*known)["front"] = true;
  }
  return out;
}

std::string base64(const std::string& bytes) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

/// Inside a script element nothing may look like markup.
std::string without_markup(const std::string& json) {
  std::string out;
  for (const char c : json) {
    if (c == '<') out += "\\u003c";
    else out += c;
  }
  return out;
}

}  // namespace

std::string report_data(const HtmlReport& report, const ScheduleFile& file, const Outcome& outcome) {
  const Page page{report, file, outcome, Palette(file.pipeline)};
  const auto limit = memory_limit(page);
  Json head = {{"title", report.title.empty() ? "Pipeline schedule" : report.title},
               {"generator", fmt::format("{} {}", file.generator_name, kVersion)},
               {"memory_limit", limit ? Json(limit->value) : Json()},
               {"facts", report.facts},
               {"notes", assumptions(page)},
               {"left_out", report.left_out},
               {"plans", report.drawings.empty() ? only_plan(file, outcome) : plans_json(report)}};
  // The drawings are long and are text already.
  std::string out = head.dump();
  out.pop_back();
  out += ",\"drawings\":[";
  for (std::size_t i = 0; i < report.drawings.size(); ++i) out += (i == 0 ? "" : ",") + report.drawings[i];
  if (report.drawings.empty()) out += drawing_json(file, outcome);
  return out + "]}";
}

std::string data_element(const std::string& document) {
  if (document.size() <= kMostPlain)
    return "<script id=\"data\" type=\"application/json\">" + without_markup(document) + "</script>";
  return "<script id=\"data\" type=\"text/plain\" data-encoding=\"gzip-base64\">" + base64(gzipped(document)) +
         "</script>";
}

}  // namespace html
}  // namespace bigmac
