// Cluster files: what is read, and where a wrong value is reported.
#include <gtest/gtest.h>

#include <string>

#include "bigmac/base/error.h"
#include "bigmac/workload/cluster.h"

namespace bigmac {
namespace {

const std::string kFolder = std::string(BIGMAC_SOURCE_DIR) + "/configs/clusters/";
const char* const kShipped[] = {"a100-80g", "h100-80g", "h800-80g", "h200-141g", "b200"};

std::string h100() { return cluster_text(load_cluster(kFolder + "h100-80g.json")); }

/// The H100 text with its first `from` replaced.
std::string with(const std::string& from, const std::string& to) {
  std::string text = h100();
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string message(const std::string& text) {
  try {
    parse_cluster(text, "c.json");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), ErrorCode::bad_input);
    return e.what();
  }
  return "no error";
}

TEST(ClusterJson, ReadsTheNumbersOfTheH100File) {
  const Cluster c = load_cluster(kFolder + "h100-80g.json");
  EXPECT_EQ(c.gpu.name, "H100-80G");
  EXPECT_EQ(c.gpu.bf16_tflops, 989);
  EXPECT_EQ(c.gpu.memory, Bytes{81559LL << 20});
  EXPECT_EQ(c.gpu.multiprocessors, 132);
  EXPECT_EQ(c.node.gpus, 8);
  EXPECT_EQ(c.node.nvlink_gbps, 450);
  EXPECT_EQ(c.network.gbps_per_gpu, 50);
  EXPECT_EQ(c.node.collectives.size(), 4U);
}

TEST(ClusterJson, EveryShippedFileIsReadAndNamesItsSources) {
  for (const char* file : kShipped) {
    const Cluster c = load_cluster(kFolder + file + ".json");
    for (const std::string& source :
         {c.gpu.source, c.node.source, c.network.source, c.gpu.gemm.record.source, c.gpu.attention.record.source}) {
      EXPECT_GT(source.size(), 20U) << file;
    }
    for (const auto& [name, fit] : c.node.collectives) EXPECT_GT(fit.record.source.size(), 20U) << file << name;
  }
}

TEST(ClusterJson, WritingAndReadingBackChangesNothing) {
  for (const char* file : kShipped) {
    const std::string text = cluster_text(load_cluster(kFolder + file + ".json"));
    EXPECT_EQ(cluster_text(parse_cluster(text, file)), text);
  }
}

TEST(ClusterJson, AMissingConstantIsNamedWithItsPlace) {
  EXPECT_EQ(message(with("\"fill_k\"", "\"fill_q\"")), "c.json: /gpu/gemm/constants: 'fill_k' is missing");
}

TEST(ClusterJson, AnUnknownConstantIsRefused) {
  EXPECT_NE(message(with("\"launch_us\"", "\"lunch_us\": 1, \"launch_us\"")).find("c.json: /gpu/lunch_us: "),
            std::string::npos);
}

TEST(ClusterJson, ANumberOutsideItsRangeIsRefused) {
  EXPECT_NE(message(with("\"multiprocessors\": 132", "\"multiprocessors\": 0")).find("/gpu/multiprocessors"),
            std::string::npos);
  EXPECT_NE(message(with("\"nvlink_gbps\": 450", "\"nvlink_gbps\": -450")).find("/node/nvlink_gbps"),
            std::string::npos);
}

TEST(ClusterJson, AnEmptySourceIsRefused) {
  Cluster c = load_cluster(kFolder + "h100-80g.json");
  c.network.source.clear();
  EXPECT_NE(message(cluster_text(c)).find("c.json: /network/source: expected where"), std::string::npos);
}

TEST(ClusterJson, AnotherSchemaIsRefused) {
  EXPECT_EQ(message(with("bigmac.cluster/1", "bigmac.cluster/9")), "c.json: /schema: expected \"bigmac.cluster/1\"");
}

TEST(ClusterJson, AMissingCollectiveIsNamed) {
  EXPECT_EQ(message(with("\"all_to_all\"", "\"all_to_some\"")).find("c.json: /node/collectives/all_to_some"), 0U);
}

TEST(ClusterJson, TextThatIsNoObjectIsRefused) {
  EXPECT_NE(message("[]").find("c.json"), std::string::npos);
  EXPECT_NE(message("").find("c.json"), std::string::npos);
}

}  // namespace
}  // namespace bigmac
