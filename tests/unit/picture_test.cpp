// Pictures, text timelines and the report's data: shapes that hold for any schedule.
#include "bigmac/report/picture.h"

#include <regex>

#include "bigmac/report/html.h"
#include "bigmac/report/tables.h"
#include "support.h"

namespace bigmac {
namespace {

using test::abstract_file;
using test::simulate_or_fail;

ScheduleFile file_with(std::int64_t ranks, std::int64_t microbatches) {
  return abstract_file(
      {.ranks = ranks, .microbatches = microbatches, .encoder_forward = 900, .encoder_backward = 1700});
}

std::size_t count(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  return static_cast<std::size_t>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), expression), std::sregex_iterator()));
}

TEST(Picture, NumbersEveryBoxOfASmallSchedule) {
  ScheduleFile file = file_with(4, 8);
  const Outcome outcome = simulate_or_fail(file, "bigmac");
  const std::string svg = schedule_picture(file, outcome, {1400, {}, "a < b"});
  // And the time axis has one number of a digit, its 0.
  EXPECT_EQ(count(svg, "<text( class=\"l\")? x=\"[0-9.]+\" y=\"[0-9.]+\">[0-7]</text>"), file.schedule.ops.size() + 1);
  EXPECT_NE(svg.find("a &lt; b"), std::string::npos);
}

TEST(Picture, BandsStayShortHoweverManyOperationsThereAre) {
  ScheduleFile file = file_with(64, 512);
  const Outcome outcome = simulate_or_fail(file, "bigmac");
  ASSERT_GT(file.schedule.ops.size(), 100'000u);
  EXPECT_LT(schedule_picture(file, outcome).size(), 1'000'000u);
}

TEST(TextTimeline, HasALineForEachRankWithinItsColumns) {
  ScheduleFile file = file_with(4, 8);
  const Outcome outcome = simulate_or_fail(file, "bigmac");
  for (const int columns : {40, 80, 200}) {
    const std::string text = text_timeline(file, outcome, columns);
    EXPECT_EQ(count(text, "rank [0-9]+ "), 4u);
    EXPECT_EQ(count(text, ".{" + std::to_string(columns + 1) + "}"), 0u) << text;
  }
}

TEST(TextTimeline, ShowsTimeInProportion) {
  ScheduleFile file = file_with(1, 8);
  const Outcome outcome = simulate_or_fail(file, "naive");
  // One rank is never idle: 2 chunks of F 1000 and B 2000, encoder F 900 and B 1700, of 8600 in all.
  const std::string text = text_timeline(file, outcome, 10 + 860);
  const std::string row = text.substr(10, 860);
  EXPECT_EQ(row.find('.'), std::string::npos);
  EXPECT_NEAR(static_cast<double>(std::count(row.begin(), row.end(), 'f')), 200, 3);
  EXPECT_NEAR(static_cast<double>(std::count(row.begin(), row.end(), 'E')), 170, 3);
}

TEST(Wrapped, BreaksAtSpacesOnly) {
  EXPECT_EQ(wrapped("one two three", 2, 80), "one two three");
  EXPECT_EQ(wrapped("aaaa bbbb cccc", 2, 9), "aaaa bbbb\n  cccc");
}

TEST(ReportData, HoldsAColumnEntryForEachOperation) {
  ScheduleFile file = file_with(4, 8);
  const Outcome outcome = simulate_or_fail(file, "bigmac");
  const std::string json = drawing_json(file, outcome);
  const auto at = json.find("\"kind\":\"") + 8;
  EXPECT_EQ(json.find('"', at) - at, file.schedule.ops.size());
}

}  // namespace
}  // namespace bigmac
