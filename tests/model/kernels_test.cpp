// Kernel times: each number derived in the comment above it.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bigmac/cost/kernels.h"

namespace bigmac {
namespace {

const std::map<std::string, double> kBestTflops{// best measured product, TFLOP/s
                                                {"a100-80g", 290},
                                                {"h100-80g", 854},
                                                {"h200-141g", 861},
                                                {"b200", 1716}};
const std::vector<Collective> kCollectives{Collective::all_reduce, Collective::all_gather, Collective::reduce_scatter,
                                           Collective::all_to_all};

Cluster shipped(const std::string& name) {
  return load_cluster(std::string(BIGMAC_SOURCE_DIR) + "/configs/clusters/" + name + ".json");
}

/// A machine with round numbers: 100 multiprocessors, 100 TFLOP/s, 1000 GB/s, nothing lost.
Gpu round_gpu() {
  Gpu gpu;
  gpu.bf16_tflops = 100;
  gpu.hbm_gbps = 1000;
  gpu.multiprocessors = 100;
  gpu.hbm_share = 1;
  gpu.launch_us = 5;
  gpu.gemm = {.launch_us = 2,
              .peak_share = 1,
              .fill_k = 0,
              .operand_gbps = 1e9,
              .hbm_share = 1,
              .cache_mb = 1e-3,
              .cache_gbps = 1e9,
              .overlap = 20,
              .quantisation = 1,
              .grouping = 0,
              .split_us = 1e9,
              .balance_us = 0,
              .power_loss = 0,
              .record = {}};
  gpu.attention = {.launch_us = 3,
                   .peak_share = 1,
                   .fill_keys = 0,
                   .narrow_share = 0.5,
                   .hbm_share = 1,
                   .kv_weight = 1,
                   .block_rows = 0,
                   .record = {}};
  return gpu;
}

/// 8 GPUs a node, 100 GB/s inside, 10 GB/s between, no latency, no protocol cost.
Cluster round_cluster() {
  Cluster cluster;
  cluster.gpu = round_gpu();
  cluster.node.nvlink_gbps = 100;
  for (const Collective c : kCollectives) {
    cluster.node.collectives[name(c)] = {
        .base_us = 0, .step_us = 0, .bandwidth_share = 1, .pair_share = 1, .ramp_us = 0, .low_share = 1, .record = {}};
  }
  cluster.network = {.gbps_per_gpu = 10, .share = 1, .latency_us = 0, .source = ""};
  return cluster;
}

TEST(Gemm, ALargeProductTakesItsFlopsOverThePeakRate) {
  // 12800 x 12800 in tiles of 256 x 128: 50 x 100 = 5000 blocks = 50 whole waves of 100.
  // 2 * 12800^3 FLOP / 100e12 FLOP/s = 41943.04 us, + 2 us launch.
  EXPECT_NEAR(gemm_us(round_gpu(), 12800, 12800, 12800), 41943.04 + 2, 1);
}

TEST(Gemm, OneBlockMoreThanAWaveCostsASecondWave) {
  // Every tile shape has an area dividing 25600 x 128; one row more begins another block in each.
  // k is 8192 so that memory is far below: wave 1: 2 * 25600 * 128 * 8192 / 100e12 = 536.9 us.
  const double one = gemm_us(round_gpu(), 25600, 128, 8192) - 2;
  EXPECT_NEAR(one, 536.87, 1);
  // The smallest tiles, 64 x 32 = 1/16 of 256 x 128, lose least: 17 rounds in place of 16.
  EXPECT_NEAR(gemm_us(round_gpu(), 25601, 128, 8192) - 2, one * 17 / 16, 1);
}

TEST(Gemm, AThinProductTakesItsBytesOverTheBandwidth) {
  // 64 x 65536 by 65536 x 4096: 2 * (64 * 65536 + 65536 * 4096 + 64 * 4096) = 545.8e6 bytes, at
  // 1000 GB/s 545.8 us. Its 64 tiles of 64 x 64, one wave, 1 TFLOP/s each: 2 * 64^2 * 65536 / 1e12 =
  // 536.9 us. Joined with exponent 20: 545.8 (1 + (536.9 / 545.8)^20)^(1/20) = 560.8 us, + 2 launch.
  EXPECT_NEAR(gemm_us(round_gpu(), 64, 4096, 65536), 562.8, 0.5);
}

TEST(Gemm, LargeProductsReachTheBestMeasuredRateWithinATenth) {
  for (const auto& [cluster, best] : kBestTflops) {
    const double us = gemm_us(shipped(cluster).gpu, 8192, 8192, 8192);
    const double tflops = 2 * std::pow(8192, 3) / us / 1e6;
    EXPECT_GT(tflops, 0.85 * best) << cluster;
    EXPECT_LT(tflops, 1.05 * best) << cluster;
  }
}

TEST(Gemm, ABatchSharesTheWavesOfOneProduct) {
  // 512 x 512 in tiles of 64 x 64 is 64 blocks: one wave leaves 36 of 100 multiprocessors idle. 25
  // of them in one kernel are 1600 blocks, 16 whole waves: 16 times, not 25 times, the time of one.
  const double one = gemm_us(round_gpu(), 512, 512, 4096) - 2;
  const double many = gemm_us(round_gpu(), 512, 512, 4096, 25) - 2;
  EXPECT_NEAR(many, 16 * one, 0.01 * many);
}

TEST(Kernels, NoWorkCostsNothing) {
  const Cluster c = shipped("h100-80g");
  EXPECT_EQ(gemm_us(c.gpu, 0, 64, 64), 0);
  EXPECT_EQ(gemm_us(c.gpu, 64, 0, 64), 0);
  EXPECT_EQ(gemm_us(c.gpu, 64, 64, 0), 0);
  EXPECT_EQ(gemm_us(c.gpu, 64, 64, 64, 0), 0);
  EXPECT_EQ(attention_forward_us(c.gpu, {.sequence = 0, .heads = 8, .kv_heads = 8}), 0);
  EXPECT_EQ(elementwise_us(c.gpu, 0), 0);
  EXPECT_EQ(transfer_us(c, 0, true), 0);
  EXPECT_EQ(transfer_us(c, 0, false), 0);
  for (const Collective collective : kCollectives) {
    EXPECT_EQ(collective_us(c, collective, 0, 8, 8), 0);
    EXPECT_EQ(collective_us(c, collective, 1e6, 1, 1), 0);
  }
}

TEST(Kernels, TheSmallestWorkCostsAboutALaunch) {
  for (const auto& [cluster, best] : kBestTflops) {
    const Cluster c = shipped(cluster);
    EXPECT_LT(gemm_us(c.gpu, 1, 1, 1), 2 * c.gpu.gemm.launch_us + 1) << cluster;
    EXPECT_GT(gemm_us(c.gpu, 1, 1, 1), 1) << cluster;
    EXPECT_LT(attention_forward_us(c.gpu, {.sequence = 1, .heads = 1, .kv_heads = 1}), 25) << cluster;
  }
}

TEST(Kernels, TimeNeverFallsAsAnyDimensionGrowsAndStaysFinite) {
  for (const auto& [cluster, best] : kBestTflops) {
    const Cluster c = shipped(cluster);
    const std::vector<std::function<double(double)>> lines{
        [&](double x) { return gemm_us(c.gpu, x, 4096, 1024); },
        [&](double x) { return gemm_us(c.gpu, 777, x, 1024); },
        [&](double x) { return gemm_us(c.gpu, 777, 512, x); },
        [&](double x) { return gemm_us(c.gpu, 22, 47, x); },
        [&](double x) { return gemm_us(c.gpu, 64, 128, 256, x); },
        [&](double x) { return gemm_us(c.gpu, x, x, x, x); },
        [&](double x) { return attention_forward_us(c.gpu, {.batch = x, .sequence = 512, .heads = 8, .kv_heads = 2}); },
        [&](double x) { return attention_forward_us(c.gpu, {.sequence = x, .heads = 8, .kv_heads = 2}); },
        [&](double x) {
          return attention_forward_us(c.gpu, {.sequence = x, .heads = 8, .kv_heads = 2, .window = 128});
        },
        [&](double x) { return attention_backward_us(c.gpu, {.sequence = 512, .heads = x, .kv_heads = x}); },
        [&](double x) { return elementwise_us(c.gpu, x); },
        [&](double x) { return transfer_us(c, x, true); },
        [&](double x) { return transfer_us(c, x, false); },
        [&](double x) { return collective_us(c, Collective::all_reduce, x, 8, 8); },
        [&](double x) { return collective_us(c, Collective::all_gather, x, 64, 8); },
        [&](double x) { return collective_us(c, Collective::all_to_all, x, 32, 4); },
        [&](double x) { return collective_us(c, Collective::reduce_scatter, x, 16, 1); }};
    for (std::size_t i = 0; i < lines.size(); ++i) {
      double before = 0;
      for (double x = 0.25; x < 2e12; x *= 1.17) {
        const double us = lines[i](x);
        ASSERT_TRUE(std::isfinite(us)) << cluster << " line " << i << " at " << x;
        ASSERT_GE(us, before * (1 - 1e-12)) << cluster << " line " << i << " at " << x;
        before = us;
      }
    }
  }
}

TEST(Attention, CausalForwardIsTwoProductsOverHalfThePairs) {
  // batch 2, 16 heads, 4096 tokens, width 128: 4 * 2 * 16 * 4096^2 * 128 / 2 = 137.4e9 FLOP at
  // 100 TFLOP/s = 1374.4 us; q, k, v, o: 4 * 2 bytes * 2 * 4096 * 16 * 128 = 134.2e6, at 1000 GB/s
  // 134.2 us; launch 3 us.
  const AttentionShape shape{.batch = 2, .sequence = 4096, .heads = 16, .kv_heads = 16};
  EXPECT_NEAR(attention_forward_us(round_gpu(), shape), 1374.4 + 134.2 + 3, 0.2);
  // Backward: five products in place of two, 2.5 times all but the launch.
  EXPECT_NEAR(attention_backward_us(round_gpu(), shape), 2.5 * (1374.4 + 134.2) + 3, 0.5);
}

TEST(Attention, WithoutAMaskTwiceThePairsAreComputed) {
  AttentionShape shape{.sequence = 2048, .heads = 32, .kv_heads = 32};
  Gpu gpu = round_gpu();
  gpu.hbm_gbps = 1e9;  // no memory time
  const double causal = attention_forward_us(gpu, shape) - 3;
  shape.causal = false;
  EXPECT_NEAR(attention_forward_us(gpu, shape) - 3, 2 * causal, 1e-3 * causal);
}

TEST(Attention, AWindowMakesTimeLinearInTheSequence) {
  Gpu gpu = round_gpu();
  gpu.hbm_gbps = 1e9;
  // Mean keys w - w^2 / 2s for s = 8192, 16384 and w = 1024: 960 and 992; twice the rows.
  const double once = attention_forward_us(gpu, {.sequence = 8192, .heads = 8, .kv_heads = 8, .window = 1024}) - 3;
  const double twice = attention_forward_us(gpu, {.sequence = 16384, .heads = 8, .kv_heads = 8, .window = 1024}) - 3;
  EXPECT_NEAR(twice / once, 2 * 992.0 / 960, 1e-3);
}

TEST(Attention, HeadWidthsArePaddedAndNarrowOnesRunSlower) {
  Gpu gpu = round_gpu();
  gpu.hbm_gbps = 1e9;
  const auto us = [&](double qk, double v) {
    return attention_forward_us(gpu, {.sequence = 4096, .heads = 8, .kv_heads = 8, .qk_dim = qk, .v_dim = v}) - 3;
  };
  EXPECT_NEAR(us(72, 72), us(96, 96), 1e-4);  // both run as 96
  EXPECT_NEAR(us(80, 80), us(96, 96), 1e-4);
  EXPECT_NEAR(us(64, 64), us(128, 128), 1e-4);                  // half the FLOPs at narrow_share = half the rate
  EXPECT_NEAR(us(192, 128), 160.0 / 128 * us(128, 128), 1e-4);  // multi-head latent attention
}

TEST(Attention, APackKeepsTokensAndPairs) {
  // Three images of 100, 200 and 300 tokens: 600 tokens, 140000 pairs.
  const AttentionShape p = packed({.heads = 16, .kv_heads = 16, .causal = false}, 600, 140000);
  EXPECT_DOUBLE_EQ(p.batch * p.sequence, 600);
  EXPECT_NEAR(p.batch * p.sequence * p.sequence, 140000, 1e-6);
  EXPECT_EQ(attention_forward_us(round_gpu(), packed({.heads = 16}, 0, 0)), 0);
}

TEST(Elementwise, TakesBytesOverTheBandwidthAndALaunch) {
  EXPECT_DOUBLE_EQ(elementwise_us(round_gpu(), 1e9), 1000 + 5);
}

TEST(Collectives, EachRankSendsItsShareOfTheBuffer) {
  // 8 ranks, 800 MB, 100 GB/s: all-reduce 2 * 7/8 * 8000 us, the others 7/8 * 8000 us.
  const Cluster c = round_cluster();
  EXPECT_NEAR(collective_us(c, Collective::all_reduce, 8e8, 8, 8), 14000, 1e-6);
  EXPECT_NEAR(collective_us(c, Collective::all_gather, 8e8, 8, 8), 7000, 1e-6);
  EXPECT_NEAR(collective_us(c, Collective::reduce_scatter, 8e8, 8, 8), 7000, 1e-6);
  EXPECT_NEAR(collective_us(c, Collective::all_to_all, 8e8, 8, 8), 7000, 1e-6);
}

TEST(Collectives, AcrossNodesTheNetworkDecides) {
  const Cluster c = round_cluster();
  // 16 ranks on two nodes, 8 ports a node: a ring sends 2 * 15/16 * 8e8 B over 8 ports of 10 GB/s:
  // 18750 us, more than the 15000 us inside the node, and 2 * 7 steps of 4 us over NVLink.
  EXPECT_NEAR(collective_us(c, Collective::all_reduce, 8e8, 16, 8), 18750 + 56, 1e-6);
  // One rank a node: one port each, 2 * 1/2 * 8e8 B / 10 GB/s = 80000 us.
  EXPECT_NEAR(collective_us(c, Collective::all_reduce, 8e8, 2, 1), 80000, 1e-6);
  // All-to-all: 8/16 of each rank's buffer leaves the node through the rank's own port: 40000 us.
  EXPECT_NEAR(collective_us(c, Collective::all_to_all, 8e8, 16, 8), 40000, 1e-6);
}

TEST(Collectives, AnAllReduceOnH100ReachesWhatWasMeasured) {
  // Measured: 512 MiB among 8 GPUs in 2111 us, 445 GB/s a rank.
  const double us = collective_us(shipped("h100-80g"), Collective::all_reduce, 512 << 20, 8, 8);
  EXPECT_NEAR(us, 2111, 0.1 * 2111);
}

TEST(Transfer, TakesBytesOverTheLink) {
  EXPECT_NEAR(transfer_us(round_cluster(), 1e9, true), 10000, 1e-6);
  EXPECT_NEAR(transfer_us(round_cluster(), 1e9, false), 100000, 1e-6);
}

}  // namespace
}  // namespace bigmac
