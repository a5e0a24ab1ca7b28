// BigMac's operation order against the two worked examples of its specification (P = 4, V = 2, M = 8), which extend
// the order drawn in the authors' figure. F0:4-6 is the forward of chunk 0 for microbatches 4, 5, 6.
#include <sstream>

#include <gtest/gtest.h>

#include "support.h"

namespace bigmac::test {
namespace {

constexpr const char* kEncoderAndGenerator[4] = {
    "Ef0 Ef4 F0:0-3 F1:0-3 F0:4-6 Gf0 Gb0 F0:7 F1:4 F1:5 F1:6 B1:0 F1:7 B1:1 B1:2 B1:3 B0:0 Gf4 Gb4 B0:1-3 Eb0 B1:4-7 "
    "B0:4-7 Eb4",
    "Ef1 Ef5 F0:0-3 F1:0-3 F0:4,5 Gf1 Gb1 F0:6 F0:7 F1:4 B1:0 F1:5 B1:1 F1:6 B1:2 F1:7 B1:3 B0:0 B0:1 Gf5 Gb5 B0:2,3 "
    "B1:4 Eb1 "
    "B1:5-7 B0:4-7 Eb5",
    "Ef2 Ef6 F0:0-3 F1:0-3 F0:4 Gf2 Gb2 F0:5 F0:6 B1:0 F0:7 B1:1 F1:4 B1:2 F1:5 B1:3 F1:6 B0:0 F1:7 B0:1 B0:2 Gf6 Gb6 "
    "B0:3 B1:4,5 "
    "Eb2 B1:6,7 B0:4-7 Eb6",
    "Ef3 Ef7 F0:0-3 F1:0-3 Gf3 Gb3 F0:4 B1:0 F0:5 B1:1 F0:6 B1:2 F0:7 B1:3 F1:4 B0:0 F1:5 B0:1 F1:6 B0:2 F1:7 B0:3 Gf7 "
    "Gb7 B1:4-6 "
    "Eb3 B1:7 B0:4-7 Eb7"};

constexpr const char* kEncoderOnly[4] = {
    "Ef0 Ef4 F0:0-3 F1:0-3 F0:4-6 B1:0 F0:7 B1:1 F1:4 B1:2 F1:5 B1:3 F1:6 B0:0 F1:7 B0:1-3 Eb0 B1:4-7 B0:4-7 Eb4",
    "Ef1 Ef5 F0:0-3 F1:0-3 F0:4 B1:0 F0:5 B1:1 F0:6 B1:2 F0:7 B1:3 F1:4 B0:0 F1:5 B0:1 F1:6 B0:2 F1:7 B0:3 B1:4 Eb1 "
    "B1:5-7 B0:4-7 "
    "Eb5",
    "Ef2 Ef6 F0:0-3 F1:0-2 B1:0 F1:3 B1:1 F0:4 B1:2 F0:5 B1:3 F0:6 B0:0 F0:7 B0:1 F1:4 B0:2 F1:5 B0:3 F1:6 B1:4 F1:7 "
    "B1:5 Eb2 "
    "B1:6,7 B0:4-7 Eb6",
    "Ef3 Ef7 F0:0-3 F1:0 B1:0 F1:1 B1:1 F1:2 B1:2 F1:3 B1:3 F0:4 B0:0 F0:5 B0:1 F0:6 B0:2 F0:7 B0:3 F1:4 B1:4 F1:5 "
    "B1:5 F1:6 B1:6 "
    "Eb3 F1:7 B1:7 B0:4-7 Eb7"};

// "F0:4-6" -> F0:4 F0:5 F0:6; "F0:4,5" -> F0:4 F0:5.
std::vector<std::string> expand(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    const auto colon = word.find(':');
    if (colon == std::string::npos) {
      out.push_back(word);
      continue;
    }
    const int first = std::stoi(word.substr(colon + 1));
    const auto more = word.find_first_of("-,");
    const int last = more == std::string::npos ? first : std::stoi(word.substr(more + 1));
    for (int m = first; m <= last; ++m) out.push_back(word.substr(0, colon + 1) + std::to_string(m));
  }
  return out;
}

std::vector<std::string> listed(const ScheduleFile& file, std::uint32_t rank) {
  std::vector<std::string> out;
  for (const Op& op : file.schedule.rank_ops(RankId{rank})) {
    const bool forward = op.kind == OpKind::forward;
    const std::string m = std::to_string(op.microbatch.value);
    switch (file.pipeline.modules[op.module].role) {
      case Role::encoder: out.push_back((forward ? "Ef" : "Eb") + m); break;
      case Role::generator: out.push_back((forward ? "Gf" : "Gb") + m); break;
      case Role::llm: out.push_back((forward ? "F" : "B") + std::to_string(op.stage.value / 4) + ":" + m); break;
    }
  }
  return out;
}

TEST(BigmacOrder, equals_the_worked_example_with_encoder_and_generator) {
  ScheduleFile file = abstract_file({4, 2, 8, 1000, 2000, 500, 1000, 550, 550});
  simulate_or_fail(file, "bigmac");
  for (std::uint32_t rank = 0; rank < 4; ++rank)
    EXPECT_EQ(listed(file, rank), expand(kEncoderAndGenerator[rank])) << rank;
}

TEST(BigmacOrder, equals_the_worked_example_with_an_encoder_only) {
  ScheduleFile file = abstract_file({4, 2, 8, 1000, 2000, 500, 1000});
  simulate_or_fail(file, "bigmac");
  for (std::uint32_t rank = 0; rank < 4; ++rank) EXPECT_EQ(listed(file, rank), expand(kEncoderOnly[rank])) << rank;
}

}  // namespace
}  // namespace bigmac::test
