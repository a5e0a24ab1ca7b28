// bigmac.trace/1: input and what is understood, on one screen.
#include "bigmac/profiler/trace_file.h"

#include <gtest/gtest.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

Trace read(const std::string& text) { return read_trace(*bytes_of(text, "t.jsonl")); }

std::string error_of(const std::string& text) {
  try {
    read(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

const std::string kHeader = "{\"schema\": \"bigmac.trace/1\", \"pid\": 4711, \"rank\": 3, \"world_size\": 8}\n";

TEST(TraceFile, AKernelJoinsItsLaunchAndEventsComeSortedByStart) {
  const Trace trace = read(kHeader +
                           "[\"name\", 0, \"gemm \\\"a\\\"\"]\n[\"name\", 1, \"cudaLaunchKernel\"]\n"
                           "[\"kernel\", 1500, 2500, 0, 7, 42, 0]\n[\"call\", 1000, 1100, 99, 42, 1]\n"
                           "[\"copy\", 3000, 3000, 0, 8, 43, 1, 4096]\n");
  ASSERT_EQ(trace.events.size(), 3U);
  EXPECT_EQ(trace.events.kind[0], EventKind::call);
  EXPECT_EQ(trace.events.kind[1], EventKind::kernel);
  EXPECT_EQ(trace.names[trace.events.name[1]], "gemm \"a\"");
  EXPECT_EQ(trace.events.duration[1], Nanoseconds{1000});
  EXPECT_EQ(trace.events.correlation[0], trace.events.correlation[1]);
  ASSERT_EQ(trace.copies.size(), 1U);
  EXPECT_EQ(trace.copies[0].event, EventId{2});
  EXPECT_EQ(trace.processes[ProcessId{0}].rank, 3);
  EXPECT_EQ(trace.lanes.size(), 3U);
}

TEST(TraceFile, ALineThatTheWriterNeverFinishedIsDroppedWithANote) {
  const Trace trace = read(kHeader + "[\"name\", 0, \"k\"]\n[\"kernel\", 1, 2, 0, 7, 1, 0]\n[\"kernel\", 3, 4, 0");
  EXPECT_EQ(trace.events.size(), 1U);
  EXPECT_EQ(trace.dropped, 1U);
  ASSERT_EQ(trace.notes.size(), 1U);
}

TEST(TraceFile, UnknownRecordsAreSkippedAndCounted) {
  const Trace trace = read(kHeader + "[\"pulse\", 1]\n[\"pulse\", 2]\n");
  ASSERT_EQ(trace.notes.size(), 1U);
  EXPECT_NE(trace.notes[0].find("2 records of unknown kind 'pulse'"), std::string::npos);
}

TEST(TraceFile, SaysTheByteOfAFault) {
  const std::string at = "t.jsonl: byte " + std::to_string(kHeader.size()) + ": ";
  EXPECT_EQ(error_of(""), "t.jsonl: byte 0: expected a header line with schema 'bigmac.trace/1'; the file is empty");
  EXPECT_EQ(error_of("{\"schema\": \"other\", \"pid\": 1}\n"),
            "t.jsonl: byte 0: expected schema 'bigmac.trace/1', found 'other'");
  EXPECT_EQ(error_of(kHeader + "[\"range\", 5, 4, 1, 0]\n"), at + "element 4: name 0 was never given");
  EXPECT_EQ(error_of(kHeader + "[\"memory\", 5, 4, 1, \"many\"]\n").substr(0, at.size() + 30),
            at + "element 4: expected an integer");
  EXPECT_EQ(error_of(kHeader + "[\"kernel\", 1, [4], 0]\n"),
            at + "expected [kind, start, end, device, stream, correlation, name]");
  EXPECT_EQ(error_of(kHeader + "[\"memory\", [1], 4, 1, 8]\n").substr(0, at.size() + 30),
            at + "element 1: expected an integer");
  EXPECT_EQ(error_of(kHeader + "[\"name\", 1, \"x\"]\n"), at + "names are numbered from 0 in order; expected 0");
  EXPECT_EQ(error_of(kHeader + "{}\n"), at + "expected an array");
}

TEST(TraceFile, MoreElementsThanAreReadAndTheWritersOwnRecordsPassSilently) {
  const Trace trace = read(
      "{\"schema\": \"bigmac.trace/1\", \"pid\": 1, \"base_unix_ns\": 1000, \"command\": [\"a\"]}\n[\"name\", 0, "
      "\"k\"]\n"
      "[\"kernel\", 1, 2, 0, 7, 1, 0, 1, 0, [1, 2, 3], [4, 5, 6], 32, 64]\n[\"step\", 0, 5]\n"
      "[\"end\", 9, 1009, \"exit\", {\"kernel\": 1}]\n");
  ASSERT_EQ(trace.events.size(), 1U);
  EXPECT_EQ(trace.events.start[0], Nanoseconds{1001});
  EXPECT_TRUE(trace.notes.empty());
}

TEST(TraceFile, AnEventThatEndsBeforeItStartsIsRefused) {
  EXPECT_NE(error_of(kHeader + "[\"name\", 0, \"x\"]\n[\"range\", 5, 4, 1, 0]\n").find("ends before it starts"),
            std::string::npos);
}

TEST(TraceFile, AppendedTracesKeepTheirProcessesApart) {
  Trace first = read(kHeader + "[\"name\", 0, \"k\"]\n[\"kernel\", 1, 2, 0, 7, 1, 0]\n");
  append(first, read(kHeader + "[\"name\", 0, \"m\"]\n[\"set\", 1, 2, 0, 7, 1, 0, 8]\n"), Nanoseconds{10});
  ASSERT_EQ(first.events.size(), 2U);
  EXPECT_EQ(first.events.start[1], Nanoseconds{11});
  EXPECT_EQ(first.names[first.events.name[1]], "m");
  EXPECT_EQ(first.lanes[first.events.lane[1]].process, ProcessId{1});
  EXPECT_EQ(first.copies[0].event, EventId{1});
}

}  // namespace
}  // namespace bigmac
