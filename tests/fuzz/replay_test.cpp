// Replays the corpus of every parser, and 200 mutations of each seed: nothing but bigmac::Error may
// escape. One test per parser and seed, so that even a crash names its file; mutation n of a seed is
// the same text every time. Seeds named valid* must be accepted.
#include <algorithm>
#include <cctype>
#include <filesystem>
#include <optional>
#include <ostream>
#include <typeinfo>

#include <gtest/gtest.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/base/random.h"
#include "fuzz/mutate.h"
#include "fuzz/targets.h"

namespace bigmac::fuzz {
namespace {

constexpr int kMutations = 200;

bool run(Target target, const std::string& text) {
  return target(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

/// What the target let escape; absent when it behaved.
std::optional<std::string> escaped(Target target, const std::string& text) {
  try {
    run(target, text);
  } catch (const std::exception& e) {
    return std::string(typeid(e).name()) + ": " + e.what();
  } catch (...) {
    return "something that is no exception";
  }
  return std::nullopt;
}

struct Seed {
  NamedTarget target;
  std::filesystem::path file;
  std::filesystem::path other;  ///< the next seed of the same target, to splice with
};

void PrintTo(const Seed& seed, std::ostream* out) { *out << seed.file; }

std::vector<Seed> seeds() {
  const auto corpus = std::filesystem::path(BIGMAC_SOURCE_DIR) / "tests" / "fuzz" / "corpus";
  std::vector<Seed> all;
  for (const auto& target : targets()) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(corpus / target.name)) files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (std::size_t i = 0; i < files.size(); ++i) all.push_back({target, files[i], files[(i + 1) % files.size()]});
  }
  return all;
}

std::string test_name(const testing::TestParamInfo<Seed>& info) {
  std::string name = info.param.target.name + "_" + info.param.file.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

class Corpus : public testing::TestWithParam<Seed> {};

TEST_P(Corpus, LetsNothingEscapeButError) {
  const Seed& seed = GetParam();
  const std::string text = read_text_file(seed.file.string());
  const std::string other = read_text_file(seed.other.string());
  EXPECT_EQ(escaped(seed.target.run, text), std::nullopt);
  for (int n = 0; n < kMutations; ++n) {
    Random random(static_cast<std::uint64_t>(n));
    const std::string mutant = mutate(text, other, random);
    const auto what = escaped(seed.target.run, mutant);
    ASSERT_EQ(what, std::nullopt) << "mutation " << n << ":\n" << mutant;
  }
}

TEST_P(Corpus, SeedsNamedValidAreAccepted) {
  const Seed& seed = GetParam();
  if (!seed.file.filename().string().starts_with("valid")) return;
  EXPECT_TRUE(run(seed.target.run, read_text_file(seed.file.string()))) << seed.file;
}

INSTANTIATE_TEST_SUITE_P(Parsers, Corpus, testing::ValuesIn(seeds()), test_name);

}  // namespace
}  // namespace bigmac::fuzz
