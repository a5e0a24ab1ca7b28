#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/workload/model.h"

namespace bigmac {
namespace {

Model parse(const std::string& text) {
  std::vector<std::string> notes;
  return parse_model(text, "model.json", notes);
}

/// The message of the error that `text` causes.
std::string error_of(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    return error.what();
  }
  return "no error";
}

#define EXPECT_SAYS(message, part) EXPECT_NE((message).find(part), std::string::npos) << message

std::string llama(const std::string& change) {
  return R"({"model_type": "llama", "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 100)" + change + "}";
}

TEST(ModelJson, ReadsASmallLlama) {
  const Model model = parse(llama(R"(, "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 2)"));
  ASSERT_EQ(model.llm.layers.size(), 4u);
  EXPECT_EQ(model.name, "model");
  EXPECT_EQ(model.llm.layers[0].kind, LayerKind::embedding);
  EXPECT_EQ(model.llm.layers[3].kind, LayerKind::head);
  // qkv 32 x (32 + 2 * 16), out 32 x 32, gate_up 32 x 128, down 64 x 32, norms 2 x 32.
  EXPECT_EQ(parameters(model.llm.layers[1]), 2048 + 1024 + 4096 + 2048 + 64);
  EXPECT_EQ(model.llm.layers[1].attention->qk_dim, 8);
}

TEST(ModelJson, UnknownModelTypeListsTheKnownOnesAndSuggests) {
  const std::string message = error_of(R"({"model_type": "qwen3_vl_mo"})");
  EXPECT_SAYS(message, "model.json: /model_type: unknown model_type 'qwen3_vl_mo'");
  EXPECT_SAYS(message, "did you mean 'qwen3_vl_moe'?");
  for (const std::string& type : known_model_types()) EXPECT_SAYS(message, type);
}

TEST(ModelJson, UnknownDiffusersClassListsTheKnownOnes) {
  EXPECT_SAYS(error_of(R"({"_class_name": "UNet2DConditionModel"})"), "QwenImageTransformer2DModel");
}

TEST(ModelJson, HeadsThatDoNotDivideTheHiddenWidthAreRefused) {
  const std::string message = error_of(llama(R"(, "hidden_size": 100, "num_attention_heads": 7)"));
  EXPECT_SAYS(message, "/num_attention_heads: num_attention_heads 7 does not divide hidden_size 100");
}

TEST(ModelJson, KeyValueHeadsMustDivideHeads) {
  EXPECT_SAYS(error_of(llama(R"(, "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 3)")),
              "3 key-value heads do not divide 4 heads");
}

TEST(ModelJson, AWrongTypeNamesItsPointer) {
  EXPECT_SAYS(error_of(llama(R"(, "hidden_size": "wide", "num_attention_heads": 4)")),
              "model.json: /hidden_size: expected an integer");
  EXPECT_SAYS(error_of(R"({"model_type": "qwen3_vl", "text_config": []})"), "/text_config");
  EXPECT_SAYS(error_of(R"({"model_type": 3})"), "/model_type: expected a string");
}

TEST(ModelJson, AMissingSizeIsNamed) {
  EXPECT_SAYS(error_of(llama(R"(, "num_attention_heads": 4)")), "'hidden_size' is missing");
}

TEST(ModelJson, TruncatedTextSaysWhere) {
  EXPECT_SAYS(error_of(R"({"model_type": "llama", "hidden_)"), "line 1 column");
  EXPECT_SAYS(error_of(""), "model.json");
}

TEST(ModelJson, WhatIsNoModelSaysWhatAModelIs) {
  EXPECT_SAYS(error_of("[]"), "expected an object");
  EXPECT_SAYS(error_of(R"({"patch_size": 14})"), "'model_type'");
  EXPECT_SAYS(error_of(R"({"schema": "bigmac.modle/1"})"), "bigmac.model/1");
}

TEST(ModelJson, MindSpeedFilesAreToldApart) {
  EXPECT_SAYS(error_of(R"({"model_id": "InternVL3", "text_decoder": {"num_layers": 80}})"), "MindSpeed-MM");
}

TEST(ModelJson, SizesBeyondTheLimitsAreRefusedBeforeAnythingIsBuilt) {
  EXPECT_SAYS(error_of(R"({"model_type": "llama", "hidden_size": 32, "num_attention_heads": 4,
                           "intermediate_size": 64, "num_hidden_layers": 1000000000, "vocab_size": 100})"),
              "expected an integer from 1 to 4096");
  EXPECT_SAYS(error_of(R"({"model_type": "mixtral", "hidden_size": 1000000, "num_attention_heads": 1,
                           "intermediate_size": 1000000, "num_hidden_layers": 4096, "vocab_size": 100000000,
                           "num_local_experts": 65536, "num_experts_per_tok": 1})"),
              "parameters; expected at most");
}

TEST(ModelJson, QuantisationDoesNotChangeTheModel) {
  const std::string sizes = R"(, "hidden_size": 32, "num_attention_heads": 4)";
  EXPECT_EQ(parameters(parse(llama(sizes))),
            parameters(parse(llama(sizes + R"(, "quantization_config": {"quant_method": "fp8"})"))));
}

TEST(ModelJson, NullMeansAbsentAsInHuggingFaceFiles) {
  const Model model =
      parse(llama(R"(, "hidden_size": 32, "num_attention_heads": 4, "head_dim": null, "num_key_value_heads": null)"));
  EXPECT_EQ(model.llm.layers[1].attention->kv_heads, 4);
}

TEST(ModelJson, ASlidingWindowHoldsWhereItIsOn) {
  const auto window = [](const std::string& type, const std::string& more) {
    return parse(R"({"model_type": ")" + type + R"(", "hidden_size": 32, "num_attention_heads": 4,
        "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 100, "sliding_window": 16)" +
                 more + "}")
        .llm.layers[1]
        .attention->window;
  };
  EXPECT_EQ(window("mistral", ""), 16);
  EXPECT_EQ(window("qwen2", R"(, "use_sliding_window": false)"), 0);
  EXPECT_EQ(window("qwen2", R"(, "use_sliding_window": true, "max_window_layers": 0)"), 16);
  EXPECT_EQ(window("qwen2", R"(, "use_sliding_window": true, "max_window_layers": 2)"), 0);
}

const char* kOwn = R"({"schema": "bigmac.model/1", "name": "tiny",
  "encoders": [{"name": "vision", "kind": "vit", "layers": 2, "hidden": 8, "heads": 2, "patch": 2, "merge": 2,
                "image_side": 8, "projector": {"hidden": 32}}],
  "llm": {"kind": "gpt", "layers": 3, "hidden": 16, "heads": 4, "mlp": 64, "vocabulary": 100},
  "generators": [{"kind": "mmdit", "layers": 2, "single_layers": 1, "hidden": 24, "heads": 2,
                  "latent_channels": 4, "patch": 2, "condition": 16}]})";

TEST(OwnModelJson, ReadsEveryKind) {
  std::vector<std::string> notes;
  const Model model = parse_model(kOwn, "tiny.json", notes);
  ASSERT_EQ(model.encoders.size(), 1u);
  ASSERT_EQ(model.generators.size(), 1u);
  EXPECT_EQ(model.encoders[0].name, "vision");
  EXPECT_EQ(model.encoders[0].output_width, 16);
  EXPECT_EQ(model.generators[0].name, "generator");
  EXPECT_EQ(model.generators[0].patch, 16);
  EXPECT_EQ(model.llm.layers.size(), 5u);
  // Projector: 2 x 2 patches of 8 to 32 to 16, with biases, on a quarter of the tokens.
  const Layer& projector = model.encoders[0].layers.back();
  EXPECT_EQ(parameters(projector), 32 * 32 + 32 + 32 * 16 + 16);
  EXPECT_DOUBLE_EQ(projector.linears[0].token_share, 0.25);
  // Assumed and said so: the ViT's MLP.
  EXPECT_EQ(notes.size(), 1u);
  EXPECT_SAYS(notes.at(0), "4 x hidden = 32");
}

// qkv and output 4 h^2 + 4 h, MLP 8 h^2 + 5 h, two norms 4 h: 12 h^2 + 13 h with h = 16.
TEST(OwnModelJson, AGptLayerHasTwelveTimesTheSquareOfItsWidth) {
  EXPECT_EQ(parameters(parse(kOwn).llm.layers[1]), 12 * 256 + 13 * 16);
}

// Two streams of modulation 6 h^2, qkv and output 4 h^2, MLP 8 h^2, biases 6 + 4 + 5 h and two norms of a head.
TEST(OwnModelJson, ADoubleBlockHasThirtySixTimesTheSquareOfItsWidth) {
  const auto layers = parse(kOwn).generators[0].layers;
  EXPECT_EQ(parameters(layers[1]), 36 * 576 + 30 * 24 + 4 * 12);
  EXPECT_EQ(parameters(layers[3]), 15 * 576 + 11 * 24 + 2 * 12);
}

TEST(OwnModelJson, UnknownKeysAreNotedWithASuggestion) {
  std::vector<std::string> notes;
  parse_model(R"({"schema": "bigmac.model/1", "llm": {"kind": "llama", "layers": 1, "hidden": 8, "heads": 2,
                  "mlp": 16, "vocabulary": 10, "kv_head": 1}})",
              "m.json", notes);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_SAYS(notes[0], "did you mean 'kv_heads'?");
}

TEST(OwnModelJson, WrongPartsAreRefused) {
  EXPECT_SAYS(error_of(R"({"schema": "bigmac.model/1"})"), "expected 'llm', 'encoders' or 'generators'");
  EXPECT_SAYS(error_of(R"({"schema": "bigmac.model/1", "llm": {"kind": "vit"}})"), "/llm/kind: unknown kind 'vit'");
  EXPECT_SAYS(error_of(R"({"schema": "bigmac.model/1", "llm": {"config": "/etc/passwd"}})"), "relative");
  EXPECT_SAYS(error_of(R"({"schema": "bigmac.model/1", "llm": {"config": "absent.json"}})"),
              "absent.json: cannot read");
  const std::string vit = R"({"kind": "vit", "layers": 1, "hidden": 8, "heads": 2, "patch": 2})";
  EXPECT_SAYS(error_of(R"({"schema": "bigmac.model/1", "encoders": [)" + vit + "," + vit + "]}"),
              "'encoder' is empty or taken");
  EXPECT_SAYS(error_of(R"({"schema": "bigmac.model/1", "encoders": [{"kind": "vit", "layers": 1, "hidden": 8,
                           "heads": 2, "patch": 3, "image_side": 8}]})"),
              "/encoders/0/image_side: expected a multiple of patch x merge = 3");
}

TEST(OwnModelJson, FilesThatReferToThemselvesEnd) {
  std::vector<std::string> notes;
  const std::string self = ::testing::TempDir() + "bigmac_self.json";
  std::FILE* file = std::fopen(self.c_str(), "w");
  ASSERT_NE(file, nullptr);
  std::fputs(R"({"schema": "bigmac.model/1", "llm": {"config": "bigmac_self.json"}})", file);
  std::fclose(file);
  EXPECT_THROW(load_model(self, notes), Error);
  std::remove(self.c_str());
}

TEST(OwnModelJson, AnEncoderFromAnotherModelIsFittedToTheLlm) {
  std::vector<std::string> notes;
  const Model model = parse_model(
      R"({"schema": "bigmac.model/1", "encoders": [{"name": "vision", "config": "qwen3-vl-8b.json"}],
          "llm": {"config": "qwen3-30b-a3b.json"}})",
      BIGMAC_SOURCE_DIR "/configs/models/composed.json", notes);
  const Model original = parse_model(R"({"schema": "bigmac.model/1", "llm": {"config": "qwen3-vl-30b-a3b.json"},
                                         "encoders": [{"config": "qwen3-vl-30b-a3b.json"}]})",
                                     BIGMAC_SOURCE_DIR "/configs/models/composed.json", notes);
  EXPECT_EQ(model.encoders[0].output_width, 2048);
  EXPECT_EQ(parameters(model), parameters(original));
  EXPECT_SAYS(notes.at(0), "2048 in place of 4096");
}

}  // namespace
}  // namespace bigmac
