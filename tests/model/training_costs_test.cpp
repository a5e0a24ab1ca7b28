// What a trainer's software changes in a layer's and a plan's costs: each number derived in the comment above it.
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "bigmac/base/error.h"
#include "bigmac/cost/kernels.h"
#include "bigmac/cost/layer_cost.h"
#include "bigmac/planner/evaluate.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

const char* const kGpt = R"("kind": "gpt", "layers": 4, "hidden": 1024, "heads": 16, "vocabulary": 51200)";

std::vector<Layer> layers(const std::string& llm) {
  std::vector<std::string> notes;
  return parse_model(R"({"schema": "bigmac.model/1", "name": "m", "source": "test", "llm": {)" + llm + "}}", "m", notes)
      .llm.layers;
}
Layer gpt() { return layers(kGpt)[1]; }

/// An H100 whose training constants are all 1 or 0.
Cluster plain() {
  Cluster c = load_cluster(BIGMAC_SOURCE_DIR "/configs/clusters/h100-80g.json");
  c.training = {};
  c.training.host_us = c.training.step_us = 0;
  return c;
}

constexpr double kTokens = 4096;  // two sequences of 2048
const LayerLoad kLoad{.tokens = kTokens, .pairs = 2 * 2048. * 2048};

LayerPlan unfused(bool dropout) { return {.flash_attention = false, .dropout = dropout}; }

// 2205.05198, 4.1: s b h (34 + 5 a s / h) bytes a layer, all of it now: 32 without masks, 2 masks of a byte, 5 a s.
TEST(UnfusedAttention, keeps_korthikantis_bytes) {
  const double sbh = kTokens * 1024, scores = 16. * kTokens * 2048;
  EXPECT_NEAR(layer_cost(plain(), gpt(), unfused(true), kLoad).activation_bytes, 34 * sbh + 5 * scores, 1);
  // Without dropout no mask and no second copy of the scores: 32 s b h + 2 a s.
  EXPECT_NEAR(layer_cost(plain(), gpt(), unfused(false), kLoad).activation_bytes, 32 * sbh + 2 * scores, 1);
  // Selective recompute rebuilds the scores: 34 s b h (4.3).
  LayerPlan selective = unfused(true);
  selective.recompute = Recompute::selective;
  EXPECT_NEAR(layer_cost(plain(), gpt(), selective, kLoad).activation_bytes, 34 * sbh, 1);
}

// Dropout after the softmax moves 2 + 2 + 1 bytes a score forward and as many backward; before the two additions it
// writes a mask (h bytes a token) and reads dy and it again, writing dx (5 h a token). One or two launches more.
TEST(UnfusedAttention, pays_for_dropout_in_traffic) {
  const Cluster c = plain();
  const LayerCost with = layer_cost(c, gpt(), unfused(true), kLoad),
                  without = layer_cost(c, gpt(), unfused(false), kLoad);
  const double scores = 16. * kTokens * 2048, rate = c.gpu.hbm_share * c.gpu.hbm_gbps * 1e3, launch = c.gpu.launch_us;
  EXPECT_NEAR(with.forward_us - without.forward_us, (5 * scores + 2 * 1024 * kTokens) / rate + launch, 1e-6);
  EXPECT_NEAR(with.input_gradient_us - without.input_gradient_us,
              (5 * scores + 10 * 1024 * kTokens) / rate + 3 * launch, 1e-6);
}

// Traffic, products and collectives scale one by one.
TEST(TrainingConstants, scale_their_part_of_a_layer) {
  Cluster c = plain();
  const LayerPlan plan{.tp = 8};
  const double whole = layer_cost(c, gpt(), plan, kLoad).forward_us;
  const double communication = layer_cost(c, gpt(), plan, kLoad).communication_us;
  c.training.collective_scale = 3;
  EXPECT_NEAR(layer_cost(c, gpt(), plan, kLoad).forward_us - whole, 2 * communication, 1e-6);
  c.training.collective_scale = 1, c.training.product_scale = 2;
  // Forward products over eight GPUs: 4096 x 1024 x 384, 4096 x 128 x 1024, 4096 x 1024 x 512, 4096 x 512 x 1024.
  const double products = gemm_us(c.gpu, 4096, 384, 1024) + gemm_us(c.gpu, 4096, 1024, 128) +
                          gemm_us(c.gpu, 4096, 512, 1024) + gemm_us(c.gpu, 4096, 1024, 512);
  EXPECT_NEAR(layer_cost(c, gpt(), plan, kLoad).forward_us - whole, products, 1e-6);
}

// Flash attention, tp 1: 4 products, 1 + 2 attention kernels, 2 norms, 2 additions, 1 activation: 12 operators forward.
TEST(TrainingConstants, no_pass_is_shorter_than_its_launches) {
  Cluster c = plain();
  c.training.host_us = 1e4;
  const LayerCost slow = layer_cost(c, gpt(), {}, {.tokens = 128, .pairs = 128. * 128});
  EXPECT_DOUBLE_EQ(slow.forward_us, 12e4);
  // Long passes do not wait for the host.
  c.training.host_us = 0.01;
  EXPECT_EQ(layer_cost(c, gpt(), {}, kLoad).forward_us, layer_cost(plain(), gpt(), {}, kLoad).forward_us);
}

// A column and a row product a block, two blocks: with overlap 1/8 of the gathers and scatters of F is exposed.
TEST(TensorOverlap, exposes_one_piece_of_tp) {
  const Cluster c = plain();
  const LayerPlan exposed{.tp = 8};
  LayerPlan hidden = exposed;
  hidden.overlap_tensor = true;
  EXPECT_NEAR(layer_cost(c, gpt(), hidden, kLoad).communication_us,
              layer_cost(c, gpt(), exposed, kLoad).communication_us / 8, 1e-9);
}

// 64 GPUs in 8 nodes, 8 experts a token: 8 (1 - (7/8)^8) = 5.251 nodes reached, 7/8 of them remote, 2 * 2048 bytes each
// at 50 GB/s, there and back.
TEST(ExpertDispatch, crosses_to_each_node_once) {
  const Layer mixture = layers(R"("kind": "llama", "layers": 1, "hidden": 2048, "heads": 32, "kv_heads": 4,
      "head_dim": 128, "vocabulary": 151936, "experts": {"count": 128, "active": 8, "mlp": 768})")[1];
  const Cluster c = plain();
  LayerPlan plan{.ep = 64};
  plan.dispatch_once = true;
  const double nodes = 8 * (1 - std::pow(7. / 8, 8));
  EXPECT_NEAR(layer_cost(c, mixture, plan, kLoad).communication_us,
              2 * (c.network.latency_us + kTokens * nodes * 7 / 8 * 2 * 2048 / 50e3), 1e-6);
}

PlanCosts costs_of(const std::string& training, int tp, int pp, int gpus = 64) {
  const Job job = full_job("gpt-11b", "h100-80g", gpus,
                           R"(, "data": {"sequence_length": 2048}, "batch": {"global": 64, "micro": 1},
                               "training": {)" +
                               training + "}");
  ParallelPlan plan;
  plan.tp = tp, plan.pp = pp, plan.dp = gpus / tp / pp;
  return ProfileCache(job, {plan}, 1).costs(plan);
}

double ns(const std::vector<Nanoseconds>& column, const PlanCosts& costs, OpKind kind, std::uint16_t stage) {
  return static_cast<double>(column[costs.table.slot(kLlm, kind, StageId{stage}, MicrobatchId{0})].value);
}

// A transfer that is not overlapped lengthens the pass it ends, and nothing waits for it afterwards. The last stage's
// forward and the first stage's backward hand nothing on.
TEST(StageTransfers, block_the_pass_that_sends_where_they_are_not_overlapped) {
  const PlanCosts beside = costs_of("", 8, 4), after = costs_of(R"("overlap_transfers": false)", 8, 4);
  const double transfer = ns(beside.table.transfer, beside, OpKind::forward, 0);
  ASSERT_GT(transfer, 0);
  for (std::uint16_t stage = 0; stage < 4; ++stage) {
    EXPECT_EQ(ns(after.table.transfer, after, OpKind::forward, stage), 0);
    EXPECT_NEAR(ns(after.table.duration, after, OpKind::forward, stage),
                ns(beside.table.duration, beside, OpKind::forward, stage) + (stage < 3 ? transfer : 0), 1);
    EXPECT_NEAR(ns(after.table.duration, after, OpKind::backward, stage),
                ns(beside.table.duration, beside, OpKind::backward, stage) + (stage > 0 ? transfer : 0), 2);
  }
}

// Where the host waits for a transfer, the pass it ends lasts 380 us longer; where none is sent, or it is overlapped,
// nothing changes.
TEST(StageTransfers, cost_the_host_its_lead_where_it_waits_for_them) {
  const PlanCosts free = costs_of(R"("overlap_transfers": false)", 8, 4);
  const PlanCosts waits = costs_of(R"("overlap_transfers": false, "synchronize_transfers": true)", 8, 4);
  for (std::uint16_t stage = 0; stage < 4; ++stage)
    for (const OpKind kind : {OpKind::forward, OpKind::backward}) {
      const bool sends = kind == OpKind::forward ? stage < 3 : stage > 0;
      EXPECT_NEAR(ns(waits.table.duration, waits, kind, stage),
                  ns(free.table.duration, free, kind, stage) + (sends ? 380e3 : 0), 2);
    }
  EXPECT_EQ(costs_of(R"("synchronize_transfers": true)", 8, 4).table.duration, costs_of("", 8, 4).table.duration);
  EXPECT_EQ(costs_of(R"("overlap_transfers": false, "synchronize_transfers": true)", 8, 1).table.duration,
            costs_of(R"("overlap_transfers": false)", 8, 1).table.duration);
}

// 2 s h bytes cross by each tp rank, or 1/8 of them and an all-gather inside the node.
TEST(StageTransfers, are_sent_in_parts_and_gathered_where_scattered) {
  const PlanCosts whole = costs_of(R"("sequence_parallel": false)", 8, 4);
  const PlanCosts parts = costs_of(R"("sequence_parallel": false, "scatter_transfers": true)", 8, 4);
  const Cluster c = load_cluster(BIGMAC_SOURCE_DIR "/configs/clusters/h100-80g.json");
  const double bytes = 2. * 2048 * 3072;
  EXPECT_NEAR(ns(whole.table.transfer, whole, OpKind::forward, 0), 1e3 * transfer_us(c, bytes, false), 1);
  EXPECT_NEAR(ns(parts.table.transfer, parts, OpKind::forward, 0),
              1e3 * (transfer_us(c, bytes / 8, false) +
                     c.training.collective_scale * collective_us(c, Collective::all_gather, bytes, 8, 8)),
              1);
}

// GPT-11B: embedding, 80 layers, head.
TEST(Stages, hold_equal_layers_or_those_stated) {
  EXPECT_EQ(costs_of(R"("even_stages": true)", 1, 4, 4).partition, (Partition{0, 21, 41, 61, 82}));
  EXPECT_EQ(costs_of(R"("stage_layers": [19, 21, 21, 19])", 1, 4, 4).partition, (Partition{0, 20, 41, 62, 82}));
  EXPECT_THROW(costs_of(R"("stage_layers": [19, 21, 21, 20])", 1, 4, 4), Error);
  EXPECT_THROW(costs_of(R"("even_stages": true)", 1, 3, 3), Error);
}

}  // namespace
}  // namespace bigmac::test
