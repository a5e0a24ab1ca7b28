// Schedule files: what is written is read back, and no corrupted file is taken for a valid one.
#include <functional>

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/base/json_reader.h"
#include "support.h"

namespace bigmac::test {
namespace {

/// What is wrong with a file, as `bigmac-sim check` finds it; empty for a valid one.
std::string verdict(const std::string& text) {
  try {
    const ReadSchedule read = parse_schedule(text, "file");
    if (const auto fault = find_incompleteness(read.file.pipeline, read.file.schedule)) return fault->message;
    const auto result = simulate(read.file.pipeline, read.file.costs, read.file.schedule);
    if (const auto* fault = std::get_if<Fault>(&result)) return fault->message;
    return find_disagreement(read, std::get<Outcome>(result)).value_or("");
  } catch (const Error& error) {
    return error.what();
  }
}

std::string text_of(const ScheduleFile& file) {
  const auto result = simulate(file.pipeline, file.costs, file.schedule);
  if (const auto* fault = std::get_if<Fault>(&result)) {
    ADD_FAILURE() << fault->message;
    return "";
  }
  return schedule_file_text(file, std::get<Outcome>(result));
}

std::string written(const std::string& schedule, const Uniform& costs,
                    const std::map<std::string, std::int64_t>& parameters = {}) {
  ScheduleFile file = abstract_file(costs);
  file.schedule = build_schedule(schedule, {file.pipeline, file.costs, "", parameters});
  return text_of(file);
}

std::string written_again(const std::string& text) { return text_of(parse_schedule(text, "file").file); }

/// A schedule whose order is given rank by rank.
ScheduleFile hand_made(const Uniform& shape, const std::vector<std::vector<Op>>& ranks) {
  ScheduleFile file = abstract_file(shape);
  file.schedule.name = "by hand";
  file.schedule.first = {0};
  for (const auto& ops : ranks) {
    file.schedule.ops.insert(file.schedule.ops.end(), ops.begin(), ops.end());
    file.schedule.first.push_back(static_cast<std::uint32_t>(file.schedule.ops.size()));
  }
  return file;
}

Op op(OpKind kind, std::uint16_t stage, std::uint32_t microbatch, ModuleId module = kLlm, std::uint16_t part = 0,
      std::uint16_t parts = 1) {
  return {MicrobatchId{microbatch}, StageId{stage}, module, kind, part, parts};
}

constexpr Uniform kWorked{.encoder_forward = 500,
                          .encoder_backward = 1000,
                          .generator_forward = 550,
                          .generator_backward = 550,
                          .transfer = 7};

TEST(ScheduleFile, is_the_same_text_when_written_read_and_written_again) {
  const Uniform alone{.ranks = 2, .chunks = 1, .microbatches = 3}, single{.ranks = 1, .chunks = 1, .microbatches = 1};
  for (const std::string& text :
       {written("bigmac", kWorked), written("naive", kWorked), written("upfront", kWorked), written("1f1b", alone),
        written("gpipe", single), written("bigmac", kWorked, {{"sort_microbatches", 1}})}) {
    EXPECT_EQ(verdict(text), "");
    EXPECT_EQ(written_again(text), text);
  }
}

// Rank 0 holds stages 0 and 3, rank 1 stages 1 and 2; stage s costs F = s + 1, B = 2 (s + 1). One microbatch is a
// chain: 1 + 2 + 3 + 4 + 8 + 6 + 4 + 2 = 30. Rank 0 is busy 3 (1 + 4) = 15.
TEST(ScheduleFile, places_stages_where_an_operation_says) {
  ScheduleFile file = hand_made(
      {.ranks = 2, .chunks = 2, .microbatches = 1},
      {{op(OpKind::forward, 0, 0), op(OpKind::forward, 3, 0), op(OpKind::backward, 3, 0), op(OpKind::backward, 0, 0)},
       {op(OpKind::forward, 1, 0), op(OpKind::forward, 2, 0), op(OpKind::backward, 2, 0), op(OpKind::backward, 1, 0)}});
  const CostSeries forward{4, 1, {1, 2, 3, 4}}, backward{4, 1, {2, 4, 6, 8}};
  file.costs = cost_table_from(file.pipeline, {{"llm", forward, backward, {}, {}, {}, {}, {}}});
  const std::string text = text_of(file);
  EXPECT_EQ(verdict(text), "");
  EXPECT_EQ(written_again(text), text);
  EXPECT_EQ(parse_schedule(text, "file").file.schedule.ops, file.schedule.ops);
  Json document = Json::parse(text);
  EXPECT_EQ(document["result"]["iteration_ns"], 30);
  EXPECT_EQ(document["result"]["ranks"][0]["busy_ns"], 15);
  for (Json& rank : document["ranks"])
    for (Json& item : rank["ops"]) item.erase("stage");
  EXPECT_NE(verdict(document.dump()), "") << "without its stages it is another schedule";
}

// One rank, two microbatches, an encoder of F = 500, B = 1000. Halves of 500 last 250 and 250; thirds of 1000 last
// floor(1000 / 3) = 333, floor(2000 / 3) - 333 = 333, and 334.
TEST(ScheduleFile, keeps_the_parts_of_an_operation) {
  const ModuleId encoder{1};
  const auto f = OpKind::forward, b = OpKind::backward;
  const ScheduleFile file =
      hand_made({.ranks = 1, .chunks = 1, .microbatches = 2, .encoder_forward = 500, .encoder_backward = 1000},
                {{op(f, 0, 0, encoder), op(f, 0, 1, encoder, 0, 2), op(f, 0, 0), op(f, 0, 1, encoder, 1, 2),
                  op(f, 0, 1), op(b, 0, 0), op(b, 0, 1), op(b, 0, 0, encoder), op(b, 0, 1, encoder, 0, 3),
                  op(b, 0, 1, encoder, 1, 3), op(b, 0, 1, encoder, 2, 3)}});
  const std::string text = text_of(file);
  EXPECT_EQ(verdict(text), "");
  EXPECT_EQ(written_again(text), text);
  const Json ops = Json::parse(text)["ranks"][0]["ops"];
  const auto lasts = [&](std::size_t i) {
    return ops[i]["end_ns"].get<std::int64_t>() - ops[i]["start_ns"].get<std::int64_t>();
  };
  EXPECT_EQ(std::vector({lasts(1), lasts(3)}), std::vector<std::int64_t>({250, 250}));
  EXPECT_EQ(std::vector({lasts(8), lasts(9), lasts(10)}), std::vector<std::int64_t>({333, 333, 334}));
}

/// The worked example without transfers, as JSON.
Json document() {
  Uniform costs = kWorked;
  costs.transfer = 0;
  return Json::parse(written("bigmac", costs));
}

TEST(ScheduleFile, without_a_job_lasts_as_long_as_it_states) {
  Json file = document();
  const auto iteration = file["result"]["iteration_ns"].get<std::int64_t>();
  file.erase("job");
  const ReadSchedule read = parse_schedule(file.dump(), "file");
  EXPECT_FALSE(read.notes.empty());
  EXPECT_EQ(verdict(file.dump()), "");
  const auto result = simulate(read.file.pipeline, read.file.costs, read.file.schedule);
  EXPECT_EQ(std::get<Outcome>(result).iteration.value, iteration);
  // Twice as long in every place is twice as long in all.
  for (Json& rank : file["ranks"])
    for (Json& item : rank["ops"])
      for (const char* key : {"start_ns", "end_ns"}) item[key] = 2 * item[key].get<std::int64_t>();
  const ReadSchedule slower = parse_schedule(file.dump(), "file");
  const auto twice = simulate(slower.file.pipeline, slower.file.costs, slower.file.schedule);
  EXPECT_EQ(std::get<Outcome>(twice).iteration.value, 2 * iteration);
}

// An LLM of one stage whose costs differ by microbatch is an array of one array.
TEST(ScheduleFile, of_one_stage_keeps_its_costs_by_microbatch) {
  ScheduleFile file = hand_made(
      {.ranks = 1, .chunks = 1, .microbatches = 2},
      {{op(OpKind::forward, 0, 0), op(OpKind::forward, 0, 1), op(OpKind::backward, 0, 0), op(OpKind::backward, 0, 1)}});
  file.costs = cost_table_from(file.pipeline, {{"llm", {1, 2, {3, 5}}, {1, 2, {7, 9}}, {}, {}, {}, {}, {}}});
  const std::string text = text_of(file);
  EXPECT_EQ(verdict(text), "");
  EXPECT_EQ(written_again(text), text);
}

struct Corruption {
  const char* what;
  std::function<void(Json&)> apply;
};

Json& ops_of(Json& file, std::size_t rank) { return file["ranks"][rank]["ops"]; }

/// The first operation of a rank that is `kind` of `module`.
std::size_t find(Json& file, std::size_t rank, const char* kind, const char* module) {
  for (std::size_t i = 0; i < ops_of(file, rank).size(); ++i)
    if (ops_of(file, rank)[i]["op"] == kind && ops_of(file, rank)[i]["module"] == module) return i;
  ADD_FAILURE() << "no " << kind << " of " << module;
  return 0;
}

Json& first(Json& file, std::size_t rank, const char* kind, const char* module) {
  return ops_of(file, rank)[find(file, rank, kind, module)];
}

void cut_into_parts(Json& file, const std::vector<std::pair<int, int>>& parts) {
  Json& ops = ops_of(file, 1);
  const std::size_t at = find(file, 1, "F", "encoder");
  const Json whole = ops[at];
  ops.erase(at);
  for (std::size_t k = 0; k < parts.size(); ++k) {
    Json piece = whole;
    piece["part"] = parts[k].first;
    piece["parts"] = parts[k].second;
    piece["start_ns"] = 125 * k;
    piece["end_ns"] = 125 * (k + 1);
    ops.insert(ops.begin() + static_cast<std::ptrdiff_t>(at + k), piece);
  }
}

void erase_times(Json& file) {
  file.erase("result");
  for (Json& rank : file["ranks"])
    for (Json& item : rank["ops"]) item.erase("start_ns"), item.erase("end_ns");
}

const std::vector<Corruption> kCorruptions = {
    {"an LLM operation is missing", [](Json& f) { ops_of(f, 2).erase(find(f, 2, "B", "llm")); }},
    {"an encoder operation is missing", [](Json& f) { ops_of(f, 2).erase(find(f, 2, "B", "encoder")); }},
    {"the last operation is missing", [](Json& f) { ops_of(f, 3).erase(ops_of(f, 3).size() - 1); }},
    {"a rank does nothing", [](Json& f) { ops_of(f, 3).clear(); }},
    {"an operation is doubled", [](Json& f) { ops_of(f, 1).push_back(first(f, 1, "F", "llm")); }},
    {"an operation is on two ranks", [](Json& f) { ops_of(f, 1).push_back(first(f, 0, "B", "encoder")); }},
    {"two independent operations changed places",
     [](Json& f) { std::swap(ops_of(f, 0)[find(f, 0, "F", "llm")], ops_of(f, 0)[find(f, 0, "F", "llm") + 1]); }},
    {"a backward comes before its forward",
     [](Json& f) { std::swap(first(f, 3, "F", "llm"), first(f, 3, "B", "llm")); }},
    {"a rank's order is reversed", [](Json& f) { std::reverse(ops_of(f, 2).begin(), ops_of(f, 2).end()); }},
    {"an encoder's forward moved to another rank",
     [](Json& f) {
       ops_of(f, 2).insert(ops_of(f, 2).begin(), first(f, 0, "F", "encoder"));
       ops_of(f, 0).erase(find(f, 0, "F", "encoder"));
     }},
    {"a rank is left out", [](Json& f) { f["ranks"].erase(2); }},
    {"a rank too many",
     [](Json& f) {
       f["ranks"].push_back({{"rank", 4}, {"ops", Json::array()}});
     }},
    {"a rank is listed twice", [](Json& f) { f["ranks"][1]["rank"] = 0; }},
    {"two ranks changed places", [](Json& f) { f["ranks"][1]["rank"] = 2, f["ranks"][2]["rank"] = 1; }},
    {"the pipeline has more ranks", [](Json& f) { f["pipeline"]["ranks"] = 8; }},
    {"the pipeline has fewer microbatches", [](Json& f) { f["pipeline"]["microbatches"] = 4; }},
    {"a microbatch beyond the last", [](Json& f) { first(f, 0, "F", "llm")["microbatch"] = 8; }},
    {"a negative microbatch", [](Json& f) { first(f, 0, "F", "llm")["microbatch"] = -1; }},
    {"another microbatch", [](Json& f) { first(f, 0, "F", "llm")["microbatch"] = 5; }},
    {"another chunk", [](Json& f) { first(f, 0, "F", "llm")["chunk"] = 1; }},
    {"a chunk beyond the last", [](Json& f) { first(f, 0, "F", "llm")["chunk"] = 2; }},
    {"another stage", [](Json& f) { first(f, 0, "F", "llm")["stage"] = 1; }},
    {"a stage beyond the last", [](Json& f) { first(f, 0, "F", "llm")["stage"] = 8; }},
    {"an unknown module", [](Json& f) { first(f, 0, "F", "llm")["module"] = "decoder"; }},
    {"another module", [](Json& f) { first(f, 0, "F", "encoder")["module"] = "generator"; }},
    {"an unknown operation", [](Json& f) { first(f, 0, "F", "llm")["op"] = "X"; }},
    {"a forward that became a backward", [](Json& f) { first(f, 0, "F", "llm")["op"] = "B"; }},
    {"a backward without weight gradient", [](Json& f) { first(f, 0, "B", "llm")["op"] = "I"; }},
    {"a recomputation in place of a forward", [](Json& f) { first(f, 0, "F", "llm")["op"] = "R"; }},
    {"parts in the wrong order",
     [](Json& f) {
       cut_into_parts(f, {{0, 4}, {2, 4}, {1, 4}, {3, 4}});
     }},
    {"a part is missing",
     [](Json& f) {
       cut_into_parts(f, {{0, 4}, {1, 4}, {2, 4}});
     }},
    {"a part comes twice",
     [](Json& f) {
       cut_into_parts(f, {{0, 4}, {1, 4}, {1, 4}, {2, 4}, {3, 4}});
     }},
    {"parts of different numbers",
     [](Json& f) {
       cut_into_parts(f, {{0, 2}, {1, 3}, {2, 3}}), erase_times(f);
     }},
    {"a part beyond the last",
     [](Json& f) {
       cut_into_parts(f, {{0, 2}, {2, 2}});
     }},
    {"no parts at all",
     [](Json& f) {
       cut_into_parts(f, {{0, 0}});
     }},
    {"a negative start", [](Json& f) { first(f, 0, "F", "encoder")["start_ns"] = -500; }},
    {"a start that is no number", [](Json& f) { first(f, 0, "F", "llm")["start_ns"] = "500"; }},
    {"an end one later",
     [](Json& f) { first(f, 3, "B", "llm")["end_ns"] = first(f, 3, "B", "llm")["end_ns"].get<int>() + 1; }},
    {"an end before the start", [](Json& f) { first(f, 3, "B", "llm")["end_ns"] = 0; }},
    {"a shorter iteration", [](Json& f) { f["result"]["iteration_ns"] = 1000; }},
    {"a smaller peak", [](Json& f) { f["result"]["ranks"][0]["peak_activation_bytes"] = 10; }},
    {"costs that changed", [](Json& f) { f["job"]["costs_ns"]["encoder"]["F"] = 501; }},
    {"a negative cost", [](Json& f) { f["job"]["costs_ns"]["llm"]["F"] = -1; }},
    {"an order that repeats a microbatch",
     [](Json& f) { f["schedule"]["microbatch_order"] = {0, 1, 2, 3, 4, 5, 6, 6}; }},
    {"another schema", [](Json& f) { f["schema"] = "bigmac.schedule/2"; }},
    {"no job and no times", [](Json& f) { f.erase("job"), erase_times(f); }},
    {"no job and an end before the start", [](Json& f) { f.erase("job"), first(f, 3, "B", "llm")["end_ns"] = 0; }},
    {"no job and two operations at once",
     [](Json& f) { f.erase("job"), ops_of(f, 0)[1]["start_ns"] = ops_of(f, 0)[1]["start_ns"].get<int>() - 1; }},
    {"no job and times beyond every clock",
     [](Json& f) {
       f.erase("job");
       for (std::size_t rank = 0; rank < 4; ++rank) {
         Json& last = ops_of(f, rank).back();
         last["end_ns"] = std::int64_t{1} << 60;
       }
     }},
};

TEST(ScheduleFile, is_never_valid_when_corrupted) {
  ASSERT_EQ(verdict(document().dump()), "");
  Json in_parts = document();
  cut_into_parts(in_parts, {{0, 4}, {1, 4}, {2, 4}, {3, 4}});
  ASSERT_EQ(verdict(in_parts.dump()), "");
  for (const Corruption& corruption : kCorruptions) {
    Json file = document();
    corruption.apply(file);
    EXPECT_NE(verdict(file.dump()), "") << "accepted although: " << corruption.what;
  }
}

TEST(ScheduleFile, is_never_valid_when_cut_short) {
  const std::string text = written("bigmac", kWorked);
  const std::size_t whole = text.find_last_of('}');
  for (std::size_t length = 0; length < whole; length += 1 + whole / 200)
    EXPECT_NE(verdict(text.substr(0, length)), "") << "accepted the first " << length << " bytes";
}

TEST(ScheduleFile, without_times_is_still_timed_by_its_job) {
  Json file = document();
  erase_times(file);
  EXPECT_EQ(verdict(file.dump()), "");
}

}  // namespace
}  // namespace bigmac::test
