// The shipped constants against measured kernels that the fit has not seen.
//
// Skipped where the measured tables are not at hand (BIGMAC_SHARED, else ../shared).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "bigmac/cost/kernel_tables.h"

namespace bigmac {
namespace {

std::string data_folder() {
  const char* shared = std::getenv("BIGMAC_SHARED");
  return (shared != nullptr ? std::string(shared) : std::string(BIGMAC_SOURCE_DIR) + "/../shared") + "/data/";
}

struct Machine {
  const char* cluster;
  const char* table;
};

class HeldOut : public testing::TestWithParam<Machine> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(data_folder() + "kernels")) GTEST_SKIP() << "no measured kernels in " << data_folder();
    cluster = load_cluster(std::string(BIGMAC_SOURCE_DIR) + "/configs/clusters/" + GetParam().cluster + ".json");
  }

  /// Errors of the held-out rows that `keep` keeps, printed.
  template <class Row, class Predict, class Keep>
  ErrorSummary error(const char* what, const std::vector<Row>& rows, Predict predict, Keep keep) {
    std::vector<double> errors;
    for (const Row& row : rows) {
      if (held_out(row) && keep(row)) errors.push_back(std::abs(predict(row) / row.us - 1));
    }
    const ErrorSummary s = summarise(std::move(errors));
    std::printf("%-10s %-28s %6d rows  median %5.2f %%  p95 %5.1f %%\n", GetParam().table, what, s.rows, 100 * s.median,
                100 * s.p95);
    return s;
  }

  /// The record in the cluster file says what is found, to its four digits.
  static void expect_stated(const FitRecord& record, const ErrorSummary& found, std::size_t shapes) {
    EXPECT_EQ(record.shapes, static_cast<int>(shapes));
    EXPECT_NEAR(record.heldout_median_error, found.median, 1e-3 * found.median);
    EXPECT_NEAR(record.heldout_p95_error, found.p95, 1e-3 * found.p95);
  }

  std::string table(const std::string& kind) const {
    return data_folder() + "kernels/" + kind + "_" + GetParam().table + ".csv.gz";
  }

  Cluster cluster;
};

constexpr auto kAll = [](const auto&) { return true; };
constexpr auto kBig = [](const auto& row) { return flops(row) >= 2e9; };

TEST_P(HeldOut, MatrixProductsAreWithinEightPercentInTheMedian) {
  const auto rows = read_gemm_table(table("gemm_bf16"));
  const auto predict = [&](const MeasuredGemm& r) { return gemm_us(cluster.gpu, r.m, r.n, r.k); };
  const ErrorSummary all = error("gemm, all", rows, predict, kAll);
  EXPECT_LE(all.median, 0.08);
  EXPECT_LE(error("gemm, >= 2 GFLOP", rows, predict, kBig).median, 0.08);
  EXPECT_LE(error("gemm, m, n, k >= 1024", rows, predict,
                  [](const MeasuredGemm& r) {
                    return std::min({r.m, r.n, r.k}) >= 1024;
                  })
                .median,
            0.08);
  expect_stated(cluster.gpu.gemm.record, all, rows.size());
}

TEST_P(HeldOut, AttentionIsWithinEightPercentInTheMedian) {
  const auto rows = read_attention_table(table("attention_forward_causal_bf16"));
  const auto predict = [&](const MeasuredAttention& r) { return attention_forward_us(cluster.gpu, r.shape); };
  const ErrorSummary all = error("attention, all", rows, predict, kAll);
  EXPECT_LE(all.median, 0.08);
  EXPECT_LE(error("attention, >= 2 GFLOP", rows, predict, kBig).median, 0.08);
  expect_stated(cluster.gpu.attention.record, all, rows.size());
}

TEST_P(HeldOut, CollectivesInsideANodeAreWithinEightPercentInTheMedian) {
  const auto rows = read_collective_table(data_folder() + "nccl/intra_node_" + GetParam().table + ".csv");
  const auto predict = [&](const MeasuredCollective& r) {
    return collective_us(cluster, r.collective, r.bytes, r.gpus, r.gpus);
  };
  EXPECT_LE(error("collectives, all", rows, predict, kAll).median, 0.08);
  EXPECT_LE(error("collectives, >= 1 MiB", rows, predict, [](const auto& r) { return r.bytes >= 1 << 20; }).median,
            0.08);
  for (const auto& [key, fit] : cluster.node.collectives) {
    const auto own = [&](const MeasuredCollective& r) { return key == name(r.collective); };
    const auto count = static_cast<std::size_t>(std::count_if(rows.begin(), rows.end(), own));
    expect_stated(fit.record, error(key.c_str(), rows, predict, own), count);
  }
}

INSTANTIATE_TEST_SUITE_P(Gpus, HeldOut,
                         testing::Values(Machine{"a100-80g", "a100"}, Machine{"h100-80g", "h100"},
                                         Machine{"h200-141g", "h200"}, Machine{"b200", "b200"}),
                         [](const auto& machine) { return std::string(machine.param.table); });

TEST(HeldOutSplit, TakesAboutHalfOfTheShapesAndAlwaysTheSame) {
  int held = 0;
  for (int m = 1; m <= 100; ++m) {
    for (int k = 1; k <= 100; ++k) held += held_out(MeasuredGemm{64.0 * m, 4096, 32.0 * k, 1}) ? 1 : 0;
  }
  EXPECT_NEAR(held, 5000, 300);
}

}  // namespace
}  // namespace bigmac
