// Events to text: what a recording's lines look like, whatever names come in; logs of threads; windows of steps.
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include <nlohmann/json.hpp>

#include "profiler/capture/cupti_abi.h"
#include "profiler/capture/json_text.h"
#include "profiler/capture/step_window.h"
#include "profiler/capture/thread_log.h"
#include "profiler/capture/trace_lines.h"
#include "profiler/capture/wide_text.h"

namespace bigmac::capture {
namespace {

TraceLines lines_of_test() {
  return TraceLines([](bool driver, std::uint32_t id) { return (driver ? "cu" : "cuda") + std::to_string(id); });
}

TEST(CaptureLines, ANameIsGivenOnceBeforeItsFirstUse) {
  TraceLines lines = lines_of_test();
  const KernelEvent kernel{10, 20, 0, 1, 7, 5, "gemm", 0, {1, 2, 3}, {4, 5, 6}, 32, 64};
  lines.append(kernel);
  lines.append(kernel);
  lines.append(CallEvent{8, 9, 4711, 5, false, 211, 0});
  EXPECT_EQ(lines.text(),
            "[\"name\", 1, \"gemm\"]\n"
            "[\"kernel\", 10, 20, 0, 7, 5, 1, 1, 0, [1, 2, 3], [4, 5, 6], 32, 64]\n"
            "[\"kernel\", 10, 20, 0, 7, 5, 1, 1, 0, [1, 2, 3], [4, 5, 6], 32, 64]\n"
            "[\"name\", 2, \"cuda211\"]\n"
            "[\"call\", 8, 9, 4711, 5, 2, 0]\n");
}

TEST(CaptureLines, AWaitNamesTheStreamWhereItsEventWasLastRecorded) {
  TraceLines lines = lines_of_test();
  lines.append(ContextEvent{1, 3});
  lines.append(EventRecorded{7, 42, 100});
  lines.append(EventRecorded{9, 42, 101});
  lines.text().clear();
  lines.append(SyncEvent{5, 6, SyncKind::stream_wait, 102, 1, 8, 42});
  lines.append(SyncEvent{5, 6, SyncKind::context, 103, 2, cupti::kNoStream, cupti::kNoStream});
  EXPECT_EQ(lines.text(),
            "[\"sync\", \"stream_wait\", 102, 3, 8, 9, 101, 5, 6, 1, 42]\n"
            "[\"sync\", \"context\", 103, -1, -1, -1, -1, 5, 6, 2, -1]\n");
}

// 70,000 different names with one domain: the writer's table (65,536) is cleared on the way. Read as any reader would.
TEST(CaptureLines, TheTableOfNamesIsBoundedAndNeverConfused) {
  TraceLines lines = lines_of_test();
  std::vector<std::string> names = {""};
  std::size_t domains_given = 0;
  for (int i = 0; i < 70000; ++i) {
    const std::string name = "n" + std::to_string(i);
    lines.append(RangeEvent{1, 2, 3, name, "domain", 0, {}});
    std::istringstream text(lines.text());
    for (std::string line; std::getline(text, line);) {
      const auto json = nlohmann::json::parse(line);
      if (json[0] == "name") {
        ASSERT_EQ(json[1].get<std::size_t>(), names.size());
        names.push_back(json[2]);
        domains_given += json[2] == "domain" ? 1 : 0;
        continue;
      }
      ASSERT_EQ(names[json[4].get<std::size_t>()], name);
      ASSERT_EQ(names[json[5].get<std::size_t>()], "domain");
    }
    lines.text().clear();
  }
  EXPECT_EQ(domains_given, 2u);
}

TEST(CaptureLines, AnyBytesMakeValidJson) {
  for (int first = 0; first < 256; ++first)
    for (int second = 0; second < 256; ++second) {
      std::string out;
      const char bytes[] = {static_cast<char>(first), static_cast<char>(second), 'z'};
      append_quoted(out, std::string_view(bytes, 3));
      const auto json = nlohmann::json::parse(out, nullptr, false);
      ASSERT_FALSE(json.is_discarded()) << first << " " << second;
      if (first < 128 && second < 128) {
        EXPECT_EQ(json.get<std::string>(), std::string(bytes, 3));
      }
    }
  for (const char* bad : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "\xF0\x9F\x9A"}) {
    std::string out;
    append_quoted(out, bad);
    EXPECT_FALSE(nlohmann::json::parse(out, nullptr, false).is_discarded());
    EXPECT_NE(out.find("\xEF\xBF\xBD"), std::string::npos);
  }
  std::string out;
  append_quoted(out, "\xF0\x9F\x9A\x80 \xC3\xA9");
  EXPECT_EQ(out, "\"\xF0\x9F\x9A\x80 \xC3\xA9\"");
}

TEST(CaptureLines, WideTextsBecomeUtf8) {
  EXPECT_EQ(utf8_from(L"a\u00e9\u20ac\U0001F680"), "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x80");
  EXPECT_EQ(utf8_from(nullptr), "");
}

TEST(CaptureLines, NumbersThatJsonCannotSayAreNull) {
  TraceLines lines = lines_of_test();
  Payload nan;
  nan.type = Payload::Type::real, nan.real = std::nan("");
  lines.append(MarkEvent{1, 2, "", "", nan});
  EXPECT_EQ(lines.text(), "[\"mark\", 1, 2, 0, 0, null]\n");
}

struct Taken {
  std::vector<std::string> ranges;  // name@depth
  std::uint64_t lost = 0;
  bool left = false;
};
Taken take(ThreadLog& log) {
  Taken out;
  std::string bytes;
  out.left = log.take(bytes, out.lost);
  each_event(
      bytes, [](std::uint32_t domain) -> std::string_view { return domain == 0 ? "" : "d"; },
      [&](const Event& event) {
        if (const auto* range = std::get_if<RangeEvent>(&event))
          out.ranges.push_back(std::string(range->name) + "@" + std::to_string(range->depth));
        if (const auto* open = std::get_if<OpenEvent>(&event)) out.ranges.push_back("open " + std::string(open->name));
      });
  return out;
}

TEST(CaptureLog, RangesOfDomainsNestApart) {
  ThreadLog log(1);
  EXPECT_EQ(log.push(1, "a", 0, {}), 0u);
  EXPECT_EQ(log.push(2, "x", 1, {}), 0u);
  EXPECT_EQ(log.push(3, "b", 0, {}), 1u);
  EXPECT_EQ(log.pop(4, 1, true), 0);  // x, below b
  EXPECT_EQ(log.push(5, "c", 0, {}), 2u);
  EXPECT_EQ(log.pop(6, 0, true), 2);   // c
  EXPECT_EQ(log.pop(7, 0, true), 1);   // b
  EXPECT_EQ(log.pop(8, 0, false), 0);  // a, outside a window
  EXPECT_EQ(log.pop(9, 0, true), -1);
  EXPECT_EQ(take(log).ranges, (std::vector<std::string>{"x@0", "c@2", "b@1"}));
}

TEST(CaptureLog, AThreadThatLeavesSaysWhatItLeftOpen) {
  ThreadLog log(1);
  log.push(1, "outer", 0, {});
  log.push(2, "inner", 0, {});
  log.leave(9);
  const Taken taken = take(log);
  EXPECT_TRUE(taken.left);
  EXPECT_EQ(taken.ranges, (std::vector<std::string>{"open outer", "open inner"}));
}

TEST(CaptureLog, AFullLogCountsWhatItLoses) {
  ThreadLog log(1);
  const std::string name(ThreadLog::kMaxName, 'x');
  std::uint64_t kept = 0;
  for (int i = 0; i < 2000; ++i) log.push(1, name, 0, {}), log.pop(2, 0, true);
  const Taken taken = take(log);
  kept = taken.ranges.size();
  EXPECT_LT(kept, 2000u);
  EXPECT_EQ(kept + taken.lost, 2000u);
  log.push(1, "again", 0, {});
  log.pop(2, 0, true);
  EXPECT_EQ(take(log).ranges.size(), 1u);
}

TEST(CaptureWindow, StepsAreCountedByNameAndOpenAndCloseOnce) {
  StepWindow window("step", parse_steps("2:3"));
  for (const char* name : {"step", "step 7", "step_7", "step#7"}) EXPECT_TRUE(window.counts(name)) << name;
  for (const char* name : {"stepper", "ste", "a step", ""}) EXPECT_FALSE(window.counts(name)) << name;
  EXPECT_FALSE(window.inside());
  using Change = StepWindow::Change;
  for (const Change change : {Change::none, Change::none, Change::opened, Change::none, Change::closed, Change::none})
    EXPECT_EQ(window.next().change, change);
  EXPECT_TRUE(StepWindow("step", std::nullopt).inside());
}

TEST(CaptureWindow, StepsAreReadStrictly) {
  EXPECT_EQ(parse_steps("5:10")->last, 10);
  EXPECT_EQ(parse_steps("5")->last, 5);
  for (const char* text : {"", ":", "5:", ":5", "5:4", "-1:3", "5:10x", "a", "99999999999999999999"})
    EXPECT_FALSE(parse_steps(text)) << text;
}

}  // namespace
}  // namespace bigmac::capture
