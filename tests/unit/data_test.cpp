#include "bigmac/workload/data.h"

#include <gtest/gtest.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

/// An encoder that merges 2 x 2 patches of 16 pixels, of fixed or any image side, and a generator where asked.
Model model_with(std::int64_t image_side, bool generator = false) {
  Model model;
  Module encoder;
  encoder.name = "encoder";
  encoder.role = Role::encoder;
  encoder.patch = 16;
  encoder.merge = 2;
  encoder.image_side = image_side;
  model.encoders.push_back(encoder);
  if (generator) {
    Module module;
    module.name = "generator";
    module.role = Role::generator;
    module.patch = 16;
    model.generators.push_back(module);
  }
  return model;
}

DataSpec parse(const std::string& text) {
  std::vector<std::string> notes;
  DataSpec data = parse_data(text, "job.json", notes);
  EXPECT_TRUE(notes.empty()) << notes.front();
  return data;
}

std::vector<MicrobatchLoad> draw(const std::string& text, const Model& model, std::int64_t microbatches = 4,
                                 std::int64_t samples = 1) {
  std::vector<std::string> notes;
  return draw_loads(parse(text), model, microbatches, samples, notes);
}

std::string error_of(const std::string& text) {
  try {
    draw(text, model_with(0));
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// 2 samples of 4 images of 100 tokens: 400 patches each, 8 images, 8 * 400^2 pairs; text 2 * (1024 - 400).
TEST(Data, ConstantsGiveEveryMicrobatchTheSameLoad) {
  const auto loads =
      draw(R"({"sequence_length": 1024, "images_per_sample": 4, "image_tokens": 100})", model_with(0), 3, 2);
  ASSERT_EQ(loads.size(), 3u);
  for (const MicrobatchLoad& load : loads) {
    EXPECT_EQ(load.llm_tokens, 2048);
    EXPECT_DOUBLE_EQ(load.llm_attention_pairs, 2.0 * 1024 * 1024);
    EXPECT_EQ(load.text_tokens, 2 * (1024 - 400));
    ASSERT_EQ(load.encoders.size(), 1u);
    EXPECT_EQ(load.encoders[0].images, 8);
    EXPECT_EQ(load.encoders[0].output_tokens, 800);
    EXPECT_EQ(load.encoders[0].tokens, 3200);
    EXPECT_DOUBLE_EQ(load.encoders[0].pairs, 8.0 * 400 * 400);
  }
}

// 448 pixels: 28 x 28 patches, 14 x 14 tokens.
TEST(Data, AFixedImageSideGivesTheTokensOfAnImage) {
  const auto loads = draw(R"({"sequence_length": 1024, "images_per_sample": 1})", model_with(448));
  EXPECT_EQ(loads[0].encoders[0].output_tokens, 196);
  EXPECT_EQ(loads[0].encoders[0].tokens, 784);
}

TEST(Data, ASampleWithoutImagesIsAllText) {
  const auto loads = draw(R"({"sequence_length": 64, "images_per_sample": 0, "image_tokens": 8})", model_with(0));
  EXPECT_EQ(loads[0].text_tokens, 64);
  EXPECT_EQ(loads[0].encoders[0].images, 0);
  EXPECT_DOUBLE_EQ(loads[0].encoders[0].pairs, 0);
}

TEST(Data, AUniformDistributionStaysInItsRangeAndReachesIt) {
  const auto loads = draw(R"({"sequence_length": 100000, "image_tokens": 10,
      "images_per_sample": {"distribution": "uniform", "low": 1, "high": 8, "seed": 7}})",
                          model_with(0), 1000);
  std::int64_t low = 100, high = 0, sum = 0;
  for (const MicrobatchLoad& load : loads) {
    low = std::min(low, load.encoders[0].images);
    high = std::max(high, load.encoders[0].images);
    sum += load.encoders[0].images;
  }
  EXPECT_EQ(low, 1);
  EXPECT_EQ(high, 8);
  EXPECT_NEAR(static_cast<double>(sum) / 1000, 4.5, 0.25);
}

TEST(Data, ALognormalDistributionHasItsMean) {
  const auto loads = draw(R"({"sequence_length": 1000000, "images_per_sample": 1,
      "image_tokens": {"distribution": "lognormal", "mean": 500, "sigma": 0.6, "seed": 3}})",
                          model_with(0), 20000);
  double sum = 0;
  for (const MicrobatchLoad& load : loads) sum += static_cast<double>(load.encoders[0].output_tokens);
  EXPECT_NEAR(sum / 20000, 500, 10);
}

TEST(Data, TheSameSeedGivesTheSameLoadsAndAnotherSeedOthers) {
  const auto tokens = [](int seed) {
    std::vector<std::int64_t> out;
    for (const MicrobatchLoad& load : draw(R"({"sequence_length": 8192, "images_per_sample": 2,
        "image_tokens": {"distribution": "uniform", "low": 64, "high": 1024, "seed": )" +
                                               std::to_string(seed) + "}}",
                                           model_with(0), 16))
      out.push_back(load.encoders[0].tokens);
    return out;
  };
  EXPECT_EQ(tokens(1), tokens(1));
  EXPECT_NE(tokens(1), tokens(2));
}

TEST(Data, AListStartsOverAtItsEnd) {
  const auto loads = draw(R"({"sequence_length": 1000, "images_per_sample": {"list": [1, 2, 3]}, "image_tokens": 10})",
                          model_with(0), 4);
  EXPECT_EQ(loads[2].encoders[0].images, 3);
  EXPECT_EQ(loads[3].encoders[0].images, 1);
}

TEST(Data, ListedSamplesAreTakenAsTheyStand) {
  const auto loads = draw(R"({"sequence_length": 1000, "samples": [
      {"text_tokens": 500, "image_tokens": [100, 200]}, {"text_tokens": 900}]})",
                          model_with(0), 2);
  EXPECT_EQ(loads[0].encoders[0].images, 2);
  EXPECT_DOUBLE_EQ(loads[0].encoders[0].pairs, 400.0 * 400 + 800.0 * 800);
  EXPECT_EQ(loads[0].text_tokens, 700);
  EXPECT_EQ(loads[1].encoders[0].images, 0);
}

TEST(Data, ImagesBeyondTheSequenceAreCutWithANote) {
  std::vector<std::string> notes;
  const auto loads =
      draw_loads(parse(R"({"sequence_length": 250, "images_per_sample": 1000000000, "image_tokens": 100})"),
                 model_with(0), 2, 1, notes);
  EXPECT_EQ(loads[0].encoders[0].images, 3);
  EXPECT_EQ(loads[0].encoders[0].output_tokens, 250);
  EXPECT_EQ(loads[0].text_tokens, 0);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_NE(notes[0].find("2 of 2 samples exceed the sequence length"), std::string::npos) << notes[0];
}

TEST(Data, EncodersMayHaveImagesOfTheirOwn) {
  Model model = model_with(0);
  model.encoders.push_back(model.encoders[0]);
  model.encoders[1].name = "audio";
  const auto loads = draw(R"({"sequence_length": 1000, "images_per_sample": 1, "image_tokens": 100,
      "encoders": {"audio": {"images_per_sample": 2, "image_tokens": 50}}})",
                          model);
  EXPECT_EQ(loads[0].encoders[0].output_tokens, 100);
  EXPECT_EQ(loads[0].encoders[1].images, 2);
  EXPECT_EQ(loads[0].text_tokens, 800);
}

// 1024 / 16 = 64 patches a side: 4096; with 500 conditions 4596 joint tokens.
TEST(Data, AGeneratorMakesOneImageUnlessToldOtherwise) {
  std::vector<std::string> notes;
  const DataSpec data = parse(R"({"sequence_length": 1000, "images_per_sample": 0, "image_tokens": 1,
                                  "condition_tokens_per_sample": 500})");
  const auto loads = draw_loads(data, model_with(0, true), 1, 2, notes);
  EXPECT_EQ(loads[0].generators[0].tokens, 2 * 4596);
  EXPECT_EQ(loads[0].generators[0].output_tokens, 2 * 4096);
  EXPECT_DOUBLE_EQ(loads[0].generators[0].pairs, 2.0 * 4596 * 4596);
  EXPECT_EQ(notes.size(), 1u);
}

TEST(Data, WrongDataSaysWhereAndWhatWasExpected) {
  const auto says = [](const std::string& text, const std::string& part) {
    const std::string message = error_of(text);
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  says(R"({})", "'sequence_length' is missing");
  says(R"({"sequence_length": 0})", "/sequence_length: expected an integer from 1");
  says(R"({"sequence_length": 8, "images_per_sample": {"distribution": "normal"}})",
       "/images_per_sample/distribution: unknown distribution 'normal'");
  says(R"({"sequence_length": 8, "images_per_sample": {"distribution": "uniform", "low": 4, "high": 2}})",
       "/images_per_sample/high: expected an integer from 4");
  says(R"({"sequence_length": 8, "image_tokens": {"list": []}})", "/image_tokens/list: expected 1 to");
  says(R"({"sequence_length": 8, "images_per_sample": 1})", "encoder 'encoder' takes images of any size");
  says(R"({"sequence_length": 8, "image_tokens": 1, "encoders": {"encodre": {}}})", "did you mean 'encoder'?");
  says(R"({"sequence_length": 8, "image_tokens": 1, "samples": [{}]})", "/samples: stands for");
}

TEST(Data, TooMuchIsRefused) {
  std::vector<std::string> notes;
  const DataSpec data = parse(R"({"sequence_length": 8, "images_per_sample": 1, "image_tokens": 1})");
  EXPECT_THROW(draw_loads(data, model_with(0), 0, 1, notes), Error);
  EXPECT_THROW(draw_loads(data, model_with(0), 1, 0, notes), Error);
  EXPECT_THROW(draw_loads(data, model_with(0), 1 << 21, 1, notes), Error);
  EXPECT_THROW(draw_loads(data, model_with(0), 1 << 20, std::int64_t{1} << 40, notes), Error);
  const DataSpec crowded =
      parse(R"({"sequence_length": 1000000000, "images_per_sample": 1000000000, "image_tokens": 1})");
  EXPECT_THROW(draw_loads(crowded, model_with(0), 1, 1, notes), Error);
}

}  // namespace
}  // namespace bigmac
