// report.html: what a reader must find on the page, and what must never be in it.
#include "bigmac/report/html.h"

#include <regex>

#include "support.h"

namespace bigmac {
namespace {

using test::abstract_file;
using test::simulate_or_fail;

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++found;
  return found;
}

/// Boxes of operations: every rectangle that is not a lane.
std::size_t boxes(const std::string& page) {
  return count(page, "<rect class=\"") - count(page, "<rect class=\"lane\"");
}

ScheduleFile small_file(std::int64_t microbatches = 8) {
  return abstract_file({.microbatches = microbatches,
                        .encoder_forward = 900,
                        .encoder_backward = 1700,
                        .generator_forward = 700,
                        .generator_backward = 1500,
                        .transfer = 20});
}

std::string page_of(ScheduleFile file, const HtmlReport& report = {}, const std::string& schedule = "bigmac") {
  const Outcome outcome = simulate_or_fail(file, schedule);
  return static_report_html(report, file, outcome);
}

HtmlReport full_report() {
  HtmlReport report;
  report.title = "job <1>";
  report.facts = {"model: a < b"};
  report.notes = {"'assumed' & \"given\""};
  for (std::int64_t i = 0; i < 12; ++i)
    report.front.push_back({"tp<" + std::to_string(i) + ">",
                            "bigmac",
                            Nanoseconds{1'000'000 + i * i * 10'000},
                            Bytes{40'000'000'000 - i * 1'000'000'000},
                            0.4,
                            0.05,
                            "rank <3>",
                            {}});
  report.best = report.front;
  return report;
}

PlanFacts plan_with(std::size_t ranks) {
  PlanFacts plan;
  plan.memory.assign(ranks, {Bytes{6'000}, Bytes{5'000}, Bytes{4'000}, Bytes{3'000}, Bytes{2'000}});
  plan.memory[2].weights = Bytes{7'000};
  plan.step = Nanoseconds{123'456'789};
  plan.mfu = 0.4321;
  return plan;
}

TEST(ReportHtml, DrawsOneBoxForEachOperation) {
  ScheduleFile file = small_file();
  const Outcome outcome = simulate_or_fail(file, "bigmac");
  // 8 microbatches x (8 LLM stages + encoder + generator) x (F + B)
  ASSERT_EQ(file.schedule.ops.size(), 160u);
  EXPECT_EQ(boxes(static_report_html({}, file, outcome)), 160u);
}

TEST(ReportHtml, EscapesEveryStringItIsGiven) {
  ScheduleFile file = abstract_file({.encoder_forward = 900, .encoder_backward = 1700});
  file.pipeline.modules.items[1].name = "vis<ion>";
  const std::string page = page_of(file, full_report());
  for (const char* raw : {"job <1>", "a < b", "tp<", "rank <3>", "vis<ion>", "'assumed' &", "& \"given\""})
    EXPECT_EQ(page.find(raw), std::string::npos) << raw;
  for (const char* kept :
       {"<h1>job &lt;1&gt;</h1>", "a &lt; b", "tp&lt;0&gt;", "vis&lt;ion&gt; forward", "&#39;assumed&#39; &amp;"})
    EXPECT_NE(page.find(kept), std::string::npos) << kept;
}

TEST(ReportHtml, AsksNothingOfTheNetwork) {
  const std::string page = page_of(small_file(), full_report());
  for (const char* reference : {"http:", "https:", "src=", "href=", "@import", "url("})
    EXPECT_EQ(page.find(reference), std::string::npos) << reference;
}

TEST(ReportHtml, IsTheSameForTheSameInput) {
  EXPECT_EQ(page_of(small_file(), full_report()), page_of(small_file(), full_report()));
}

TEST(ReportHtml, ClosesEveryElementItOpens) {
  const std::string page = page_of(small_file(64), full_report());
  for (const char* name :
       {"svg", "g", "text", "title", "div", "section", "table", "tr", "td", "th", "p", "span", "h2", "h3", "dl"}) {
    const std::string open = std::string("<") + name, close = std::string("</") + name + ">";
    EXPECT_EQ(count(page, open + ">") + count(page, open + " "), count(page, close)) << name;
  }
}

TEST(ReportHtml, ShowsThePlansNumbers) {
  ScheduleFile file = small_file();
  file.plan = plan_with(4);
  const std::string page = page_of(file, full_report());
  for (const char* shown :
       {"123.457 ms", "43.2 %", "rank 2, the fullest", "The 10 best plans", "<th>optimizer</th>", "peak 21.00 kB"})
    EXPECT_NE(page.find(shown), std::string::npos) << shown;
}

TEST(ReportHtml, NeedsNeitherPlanNorFrontNorMemory) {
  ScheduleFile file = abstract_file({.ranks = 1, .chunks = 1, .microbatches = 1});
  file.costs.activation.assign(file.costs.size(), Bytes{0});
  const std::string page = page_of(file, {}, "1f1b");
  EXPECT_EQ(boxes(page), 2u);
  EXPECT_EQ(page.find("best plans"), std::string::npos);
  EXPECT_NE(page.find("states no memory"), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
}

TEST(ReportHtml, StandsAScheduleThatTakesNoTime) {
  ScheduleFile file = abstract_file({});
  file.costs.duration.assign(file.costs.size(), Nanoseconds{0});
  const std::string page = page_of(file, {}, "interleaved");
  EXPECT_EQ(boxes(page), 0u);
  EXPECT_FALSE(std::regex_search(page, std::regex("[\"\\sMHV>](-?nan|-?inf)")));
}

TEST(ReportHtml, EnlargesTheEndsOfACrowdedSchedule) {
  const std::string page = page_of(small_file(64));
  for (const char* heading : {"Whole iteration", "A: warm-up, the first", "B: cool-down, the last"})
    EXPECT_NE(page.find(heading), std::string::npos) << heading;
  EXPECT_EQ(page.find("is cut to"), std::string::npos);
}

TEST(ReportHtml, SaysThatALargeScheduleIsCut) {
  const std::string page = page_of(small_file(2048));  // 40,960 operations
  EXPECT_NE(page.find("The timeline is cut to the warm-up and the cool-down"), std::string::npos);
  EXPECT_EQ(page.find("Whole iteration"), std::string::npos);
  EXPECT_LT(page.size(), 2'000'000u);
}

TEST(ReportHtml, StaysUnderTenMegabytesForFortyThousandOperations) {
  const std::string page = page_of(small_file(1984));  // 39,680 operations
  EXPECT_NE(page.find("Whole iteration"), std::string::npos);
  EXPECT_LT(page.size(), 10'000'000u);
}

TEST(ReportHtml, ShowsAtMostSixtyFourRanks) {
  ScheduleFile file = abstract_file({.ranks = 100, .chunks = 1, .microbatches = 100});
  const std::string page = page_of(file, {}, "1f1b");
  EXPECT_NE(page.find("64 of 100 ranks are shown"), std::string::npos);
  EXPECT_NE(page.find(">99</td>"), std::string::npos);
}

}  // namespace
}  // namespace bigmac
