#include <gtest/gtest.h>

#include "bigmac/workload/model_json.h"

namespace bigmac {
namespace {

// bigmac-b refers to vit-1.3b, qwen3-30b-a3b and qwen-image beside it.
TEST(InlineModelJson, ADocumentWithItsReferencesPutInPlaceStandsAlone) {
  const std::string path = BIGMAC_SOURCE_DIR "/configs/models/bigmac-b.json";
  std::vector<std::string> notes;
  const Json document = parse_json(read_text_file(path), path);
  const Json inlined = inline_model_references(JsonReader(document, path));
  const Model original = load_model(path, notes);
  const Model again = parse_model(inlined.dump(), "/elsewhere/job.json", notes);
  EXPECT_EQ(again.name, "bigmac-b");
  EXPECT_EQ(again.source, original.source);
  EXPECT_EQ(parameters(again), parameters(original));
  EXPECT_EQ(inline_model_references(JsonReader(inlined, "/elsewhere/job.json")), inlined);
}

TEST(InlineModelJson, ABareConfigKeepsTheNameOfItsFile) {
  const Json document = parse_json(R"({"model_type": "llama"})", "models/small.json");
  EXPECT_EQ(inline_model_references(JsonReader(document, "models/small.json"))["name"], "small");
}

}  // namespace
}  // namespace bigmac
