// What layers cost: each number derived in the comment above it.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "bigmac/cost/kernels.h"
#include "bigmac/cost/layer_cost.h"

namespace bigmac {
namespace {

/// One layer of everything between an embedding and a head, biases and all.
const char* const kGpt = R"("kind": "gpt", "layers": 1, "hidden": 1024, "heads": 16, "vocabulary": 51200)";
const char* const kLlama = R"("kind": "llama", "layers": 1, "hidden": 4096, "heads": 32, "kv_heads": 8, "mlp": 14336,
                              "vocabulary": 128256)";
const char* const kMixture =
    R"("kind": "llama", "layers": 1, "hidden": 2048, "heads": 32, "kv_heads": 4, "head_dim": 128,
                                "vocabulary": 151936, "experts": {"count": 128, "active": 8, "mlp": 768})";

std::vector<Layer> layers(const std::string& llm) {
  std::vector<std::string> notes;
  return parse_model(R"({"schema": "bigmac.model/1", "name": "m", "source": "test", "llm": {)" + llm + "}}", "m", notes)
      .llm.layers;
}
Layer gpt() { return layers(kGpt)[1]; }
Layer llama() { return layers(kLlama)[1]; }
Layer mixture() { return layers(kMixture)[1]; }
std::vector<Layer> of_config(const std::string& name) {
  std::vector<std::string> notes;
  const Model model = load_model(std::string(BIGMAC_SOURCE_DIR) + "/configs/models/" + name + ".json", notes);
  std::vector<Layer> all = model.llm.layers;
  for (const Module& module : model.encoders) all.insert(all.end(), module.layers.begin(), module.layers.end());
  for (const Module& module : model.generators) all.insert(all.end(), module.layers.begin(), module.layers.end());
  return all;
}

const Cluster& cluster(const std::string& name = "h100-80g") {
  static std::map<std::string, Cluster> read;
  const auto found = read.find(name);
  if (found != read.end()) return found->second;
  return read[name] = load_cluster(std::string(BIGMAC_SOURCE_DIR) + "/configs/clusters/" + name + ".json");
}

LayerLoad sequences(double count, double length) {
  return {.tokens = count * length, .pairs = count * length * length};
}
LayerCost cost(const Layer& layer, const LayerPlan& plan, const LayerLoad& load) {
  return layer_cost(cluster(), layer, plan, load);
}
double total_us(const LayerCost& cost) { return cost.forward_us + cost.input_gradient_us + cost.weight_gradient_us; }
LayerPlan tensor_parallel(int tp, bool sequence_parallel = true) {
  return {.tp = tp, .sequence_parallel = sequence_parallel};
}

TEST(LayerFlops, AGptLayerTakes24bshh) {
  // Narayanan 2021: 24 b s h^2 + 4 b s^2 h forward; a causal core skips half of the pairs: 2 b s^2 h.
  // b = 2, s = 2048, h = 1024: 24 * 4096 * 1024^2 + 2 * 2 * 2048^2 * 1024 = 103.08e9 + 17.18e9.
  EXPECT_NEAR(cost(gpt(), {}, sequences(2, 2048)).model_flops, 24. * 4096 * 1024 * 1024 + 4. * 2048 * 2048 * 1024, 1);
  // The group's FLOPs do not depend on how it is cut.
  EXPECT_NEAR(cost(gpt(), {.tp = 4, .cp = 2}, sequences(2, 2048)).model_flops, 120.259e9, 1e6);
}

TEST(LayerFlops, WithoutAMaskTheSTermIsWhole) {
  // 24 b s h^2 (1 + s/6h): s = h = 1024 gives 24 * 1024^3 * 7/6.
  Layer layer = gpt();
  layer.attention->causal = false;
  EXPECT_NEAR(cost(layer, {}, sequences(1, 1024)).model_flops, 28. * 1024 * 1024 * 1024, 1);
}

TEST(LayerFlops, ALlamaLayerFollowsItsShapes) {
  // Per token 2 * (4096 * (4096 + 2 * 1024) + 4096 * 4096 + 3 * 4096 * 14336) = 2 * 218.1e6; the core 2 * s^2 / 2 * 32
  // * (128 + 128).
  const double products = 2. * 8192 * (4096. * 6144 + 4096. * 4096 + 3. * 4096 * 14336);
  EXPECT_NEAR(cost(llama(), {}, sequences(1, 8192)).model_flops, products + 8192. * 8192 * 32 * 256, 1);
}

TEST(LayerFlops, AMixtureCountsTheExpertsATokenMeets) {
  // qkv 2048 x 5120, out 4096 x 2048, router 2048 x 128, 8 of 128 experts of 3 * 2048 * 768; core 32 heads of 128.
  const double per_token = 2048. * 5120 + 4096. * 2048 + 2048. * 128 + 8 * 3. * 2048 * 768;
  EXPECT_NEAR(cost(mixture(), {}, sequences(1, 4096)).model_flops, 2 * 4096 * per_token + 4096. * 4096 * 32 * 256, 1);
}

TEST(LayerFlops, AModulationWorksOnOneVectorPerImage) {
  Layer layer;
  layer.width = 64;
  layer.linears = {{.name = "m", .in = 64, .out = 384, .role = LinearRole::modulation, .token_share = 0}};
  // 5 images of 100 patches: 5 rows, 2 * 5 * 64 * 384.
  EXPECT_NEAR(cost(layer, {}, sequences(5, 100)).model_flops, 2. * 5 * 64 * 384, 1e-6);
}

TEST(LayerMemory, AGptLayerKeepsKorthikantisBytesWithoutMasksAndScores) {
  // 2205.05198, 4.1: s b h (34 + 5 a s / h). Of the 34, 2 are dropout masks; flash attention keeps 4 a bytes a token
  // for the scores.
  const double sbh = 4096. * 1024, statistics = 4. * 16 * 4096;
  EXPECT_NEAR(cost(gpt(), {}, sequences(2, 2048)).activation_bytes, 32 * sbh + statistics, 1);
  // 4.2.1: s b h (10 + 24/t); 8 without the masks.
  EXPECT_NEAR(cost(gpt(), tensor_parallel(4, false), sequences(2, 2048)).activation_bytes,
              (8 + 24. / 4) * sbh + statistics / 4, 1);
  // 4.2.2, sequence parallel: all of it over t.
  EXPECT_NEAR(cost(gpt(), tensor_parallel(2), sequences(2, 2048)).activation_bytes, (32 * sbh + statistics) / 2, 1);
}

TEST(LayerMemory, AGatedLayerKeepsSixWidthsOfItsMlp) {
  // Two norms and their outputs 8h; q, k, v, o 2 (4096 + 1024 + 1024 + 4096); gate, up and their product 6f; 4 a.
  const double per_token = 8. * 4096 + 2. * 10240 + 6. * 14336 + 4. * 32;
  EXPECT_NEAR(cost(llama(), {}, sequences(1, 4096)).activation_bytes, 4096 * per_token, 1);
  EXPECT_NEAR(cost(llama(), {.cp = 4}, sequences(1, 4096)).activation_bytes, 1024 * per_token, 1);
}

TEST(LayerMemory, AMixtureKeepsDispatchedRows) {
  // 8h; q, k, v, o 2 (4096 + 512 + 512 + 4096), 4 * 32; router's scores 4 * 128; 8 experts a token: 2h + 6f, f = 768.
  const double per_token = 8. * 2048 + 2. * 9216 + 4. * 32 + 4. * 128 + 8 * (2. * 2048 + 6. * 768);
  EXPECT_NEAR(cost(mixture(), {}, sequences(1, 4096)).activation_bytes, 4096 * per_token, 1);
  // As many rows arrive as leave, so it does not depend on ep.
  EXPECT_NEAR(cost(mixture(), {.ep = 8}, sequences(1, 4096)).activation_bytes, 4096 * per_token, 1);
}

TEST(LayerMemory, RecomputeKeepsTheInputAndRebuildsTheRest) {
  const LayerLoad load = sequences(2, 2048);
  const LayerCost none = cost(gpt(), {}, load);
  const LayerCost full = cost(gpt(), {.recompute = Recompute::full}, load);
  const LayerCost selective = cost(gpt(), {.recompute = Recompute::selective}, load);
  EXPECT_NEAR(full.activation_bytes, 2. * 4096 * 1024, 1);
  EXPECT_NEAR(full.transient_bytes, none.transient_bytes + none.activation_bytes - full.activation_bytes, 1);
  EXPECT_NEAR(none.activation_bytes - selective.activation_bytes, 4. * 16 * 4096, 1);
  EXPECT_NEAR(cost(gpt(), {.tp = 2, .recompute = Recompute::full}, load).activation_bytes, 4096. * 1024, 1);
  // The head is never recomputed.
  const Layer head = layers(kGpt)[2];
  EXPECT_EQ(cost(head, {.recompute = Recompute::full}, load).activation_bytes, cost(head, {}, load).activation_bytes);
}

TEST(LayerMemory, AHeadKeepsItsSoftmaxInSinglePrecision) {
  // Norm in and out 4h; softmax 4 v over t; beside it bf16 logits 2 v over t. Two GPUs: 1024 * (4096 / 2 + 4 * 51200 /
  // 2).
  const LayerCost head = cost(layers(kGpt)[2], tensor_parallel(2), sequences(1, 1024));
  EXPECT_NEAR(head.activation_bytes, 1024 * (4. * 1024 / 2 + 4. * 51200 / 2), 1);
  EXPECT_GE(head.transient_bytes, 1024 * 2. * 51200 / 2);
}

TEST(LayerMemory, AFrozenLayerKeepsNoInputsOfProducts) {
  // Norms 4h, q k v o 8h, input of the activation function 8h, statistics: 20 of 32.
  EXPECT_NEAR(cost(gpt(), {.frozen = true}, sequences(2, 2048)).activation_bytes, 4096. * (20 * 1024 + 4 * 16), 1);
}

TEST(LayerTime, FullRecomputeAddsOneForward) {
  const LayerLoad load = sequences(1, 4096);
  for (const int tp : {1, 8}) {
    const LayerCost none = cost(llama(), tensor_parallel(tp), load);
    const LayerCost full = cost(llama(), {.tp = tp, .recompute = Recompute::full}, load);
    EXPECT_EQ(none.recompute_us, 0);
    EXPECT_EQ(full.forward_us, none.forward_us);
    EXPECT_EQ(full.recompute_us, none.forward_us);
    EXPECT_NEAR(full.input_gradient_us, none.input_gradient_us + none.forward_us, 1e-9);
    EXPECT_EQ(full.weight_gradient_us, none.weight_gradient_us);
  }
}

TEST(LayerTime, FrozenHasNoWeightGradient) {
  const LayerLoad load = sequences(1, 4096);
  for (const Layer& layer : layers(kLlama)) {
    const LayerCost frozen = cost(layer, {.tp = 2, .frozen = true}, load);
    EXPECT_EQ(frozen.weight_gradient_us, 0);
    EXPECT_EQ(frozen.forward_us, cost(layer, {.tp = 2}, load).forward_us);
  }
}

TEST(LayerTime, NoTokensCostNothing) {
  for (const Layer& layer : layers(kMixture)) EXPECT_EQ(total_us(cost(layer, {.tp = 2, .ep = 8}, {})), 0);
}

TEST(LayerTime, MoreTokensNeverTakeLess) {
  for (const std::string name : {"llama-3.1-8b", "qwen3-30b-a3b", "flux.1-dev", "qwen2.5-vl-7b"}) {
    for (const Layer& layer : of_config(name)) {
      LayerCost last;
      for (double length = 64; length < 20000; length *= 1.7) {
        const LayerCost now = cost(layer, {.tp = 2}, sequences(1, length));
        EXPECT_GE(now.forward_us, last.forward_us * (1 - 1e-12)) << name << ' ' << length;
        EXPECT_GE(now.input_gradient_us, last.input_gradient_us * (1 - 1e-12)) << name << ' ' << length;
        EXPECT_GE(now.weight_gradient_us, last.weight_gradient_us * (1 - 1e-12)) << name << ' ' << length;
        EXPECT_GE(now.activation_bytes, last.activation_bytes) << name << ' ' << length;
        last = now;
      }
    }
  }
}

TEST(LayerTime, NoPassBeatsThePeakRate) {
  // Forward and each half of the backward do the products' FLOPs at least once, on tp x cp GPUs.
  for (const std::string gpu : {"a100-80g", "h100-80g", "b200"}) {
    for (const std::string name : {"llama-70b", "deepseek-v3", "qwen-image", "internvl3-8b"}) {
      for (const Layer& layer : of_config(name)) {
        for (const LayerPlan plan : {LayerPlan{}, LayerPlan{.tp = 8}, LayerPlan{.tp = 2, .cp = 4, .ep = 8}}) {
          const LayerCost c = layer_cost(cluster(gpu), layer, plan, sequences(1, 4096));
          const double least = c.model_flops / (plan.tp * plan.cp * cluster(gpu).gpu.bf16_tflops * 1e6);
          EXPECT_GE(c.forward_us, least) << gpu << ' ' << name;
          if (layer.kind == LayerKind::embedding) continue;
          EXPECT_GE(c.input_gradient_us + c.weight_gradient_us, 2 * least) << gpu << ' ' << name;
        }
      }
    }
  }
}

TEST(LayerTime, TensorParallelTrafficIsTwoGathersAndTwoScatters) {
  // Bytes 2 s b h, in F twice in and twice out (2205.05198, 4.2.2); without sequence parallelism two all-reduces.
  const LayerLoad load = sequences(1, 4096);
  const double bytes = 2. * 4096 * 4096;
  const auto us = [&](Collective c) {
    return cluster().training.collective_scale * collective_us(cluster(), c, bytes, 8, 8);
  };
  EXPECT_NEAR(cost(llama(), tensor_parallel(8), load).communication_us,
              2 * us(Collective::all_gather) + 2 * us(Collective::reduce_scatter), 1e-6);
  EXPECT_NEAR(cost(llama(), tensor_parallel(8, false), load).communication_us, 2 * us(Collective::all_reduce), 1e-6);
  EXPECT_EQ(cost(llama(), {}, load).communication_us, 0);
}

TEST(LayerTime, SharesDecideWhatOfTheBackwardTrafficIsExposed) {
  const LayerLoad load = sequences(1, 4096);
  const double bytes = 2. * 4096 * 4096;
  const auto us = [&](Collective c) {
    return cluster().training.collective_scale * collective_us(cluster(), c, bytes, 8, 8);
  };
  const LayerCost exposed = cost(llama(), tensor_parallel(8), load);
  const LayerCost hidden = layer_cost(cluster(), llama(), tensor_parallel(8), load,
                                      {.regather = 0, .column_gradient = 0, .accumulation = 0});
  EXPECT_NEAR(exposed.input_gradient_us - hidden.input_gradient_us, 2 * us(Collective::reduce_scatter), 1e-6);
  // Weight gradients: two gathers, and 6 bytes for each of 218.1e6 / 8 weights at 0.85 * 3350 GB/s.
  const double weights = (4096. * 6144 + 4096. * 4096 + 3. * 4096 * 14336) / 8;
  EXPECT_NEAR(exposed.weight_gradient_us - hidden.weight_gradient_us,
              2 * us(Collective::all_gather) + 6 * weights / (0.85 * 3350e3), 1e-6);
  // A frozen layer has no product to hide behind.
  EXPECT_EQ(layer_cost(cluster(), llama(), {.tp = 8, .frozen = true}, load, {.column_gradient = 0}).input_gradient_us,
            exposed.input_gradient_us);
}

TEST(LayerTime, ExpertsAreReachedByTwoAllToAlls) {
  // 4096 tokens of 8 copies of 2 * 2048 bytes. Sixteen GPUs span two nodes.
  const double bytes = 4096. * 8 * 2 * 2048;
  for (const int ep : {8, 16}) {
    EXPECT_NEAR(cost(mixture(), {.ep = ep}, sequences(1, 4096)).communication_us,
                2 * collective_us(cluster(), Collective::all_to_all, bytes, ep, 8), 1e-6);
  }
}

TEST(LayerTime, TheRingHidesBehindLongSequencesInsideANode) {
  // Keys and values of a step, 16384 * 2 * 2048 bytes, take far less than a quarter of the attention over 65536 tokens.
  EXPECT_EQ(cost(llama(), {.cp = 4}, sequences(1, 65536)).communication_us, 0);
  // Between nodes 64 sequences of 1024 keep the traffic and lose the attention: 3 steps of 16384 * 4096 bytes at 39
  // GB/s.
  const double step = 16384. * 4096 / (0.78 * 50e3);
  const double us = cost(llama(), {.tp = 8, .cp = 4}, sequences(64, 1024)).communication_us -
                    cost(llama(), {.tp = 8, .cp = 4}, {.tokens = 65536}).communication_us;
  EXPECT_GT(us, 0);
  EXPECT_LT(us, 3 * (step / 8 + cluster().network.latency_us));
}

TEST(LayerParameters, TheGroupHoldsEveryParameterOnce) {
  // What is cut: all but norms, biases of row products, and routers, which every GPU holds.
  for (const int tp : {1, 2, 8}) {
    const double one = static_cast<double>(parameters(gpt()));
    const double replicated = 2 * 2 * 1024 + 2 * 1024;  // two layer norms, two row biases
    EXPECT_NEAR(tp * layer_parameters(gpt(), {.tp = tp}).dense, one + (tp - 1) * replicated, 1e-3);
  }
  const Layer embedding = layers(kGpt)[0], head = layers(kGpt)[2];
  EXPECT_EQ(layer_parameters(embedding, {.tp = 8}).dense, 51200. * 1024 / 8);
  EXPECT_EQ(layer_parameters(head, {.tp = 8}).dense, 51200. * 1024 / 8 + 2 * 1024);
}

TEST(LayerParameters, ExpertsAreSharedOutOverTheirGroupOnly) {
  const double expert = 3. * 2048 * 768;
  const LayerParameters held = layer_parameters(mixture(), {.tp = 2, .ep = 8});
  EXPECT_EQ(held.expert, 16 * expert);
  const LayerParameters whole = layer_parameters(mixture(), {});
  EXPECT_EQ(whole.dense + whole.expert, static_cast<double>(parameters(mixture())));
}

TEST(LayerParameters, StateTakesEighteenBytesOrSixAndAShareOfTwelve) {
  const auto total = [](const StateBytes& s) { return s.weights + s.gradients + s.optimizer; };
  EXPECT_EQ(total(state_bytes(1e9, 1, false)), 18e9);
  EXPECT_EQ(total(state_bytes(1e9, 8, false)), 6e9 + 1.5e9);
  EXPECT_EQ(total(state_bytes(1e9, 8, true)), 2e9);
}

// validation.md, 8 B200, llama3-70B cut to 12 layers, microbatch 1: most bytes of any rank. State 6 + 12/dp bytes per
// parameter; without a pipeline the rank keeps all 12 layers and the head, with two stages the first keeps 6 layers
// twice.
TEST(LayerMemory, StagesOf70BOnB200MatchTheirPublishedPeak) {
  struct Row {
    int tp, stages, dp;
    double gib;
  };
  const std::vector<Layer> all = layers(R"("kind": "llama", "layers": 1, "hidden": 8192, "heads": 64, "kv_heads": 8,
                                           "mlp": 28672, "vocabulary": 128256)");
  for (const Row& row : {Row{1, 2, 4, 66.55}, Row{2, 1, 4, 60.68}, Row{4, 1, 2, 39.07}, Row{8, 1, 1, 28.29}}) {
    const LayerPlan plan = tensor_parallel(row.tp);
    const auto held = [&](std::size_t i) { return layer_parameters(all[i], plan).dense; };
    const auto of = [&](std::size_t i) { return cost(all[i], plan, sequences(1, 4096)); };
    const bool has_head = row.stages == 1;
    const StateBytes state = state_bytes(held(0) + 12 / row.stages * held(1) + (has_head ? held(2) : 0), row.dp, false);
    const double kept = 12 * of(1).activation_bytes + (has_head ? of(2).activation_bytes : 0);
    const double bytes =
        state.weights + state.gradients + state.optimizer + kept + of(has_head ? 2 : 1).transient_bytes;
    const double gib = bytes / (1 << 30);
    std::printf("70B l12, B200, tp %d: %.2f GiB, measured %.2f, %+.1f %%\n", row.tp, gib, row.gib,
                100 * (gib / row.gib - 1));
    EXPECT_NEAR(gib / row.gib, 1, 0.02);
  }
}

// Megatron-Core on H100, 70B row (validation.md): h 8192, 84 layers, TP 8, sequence 4096: 419.7 TFLOP/s per GPU. A
// layer counts 72 s h^2 (1 + s/6h) / 8 = 2.680e12 FLOP per GPU and sequence, so 6386 us, with a share of bubble, head,
// optimizer in it.
TEST(LayerTime, ALayerOfMegatrons70BOnH100IsNearItsRow) {
  const Layer layer = layers(R"("kind": "gpt", "layers": 1, "hidden": 8192, "heads": 64, "vocabulary": 131072)")[1];
  const double us = total_us(cost(layer, tensor_parallel(8), sequences(1, 4096)));
  const double row = 72. * 4096 * 8192 * 8192 * (1 + 4096 / (6. * 8192)) / 8 / 419.7e6;
  std::printf("70B layer, H100, TP 8: %.0f us, row %.0f us, %+.1f %%\n", us, row, 100 * (us / row - 1));
  EXPECT_NEAR(us / row, 1, 0.25);
}

// Narayanan 2021, Table 2, 174.6B, 384 A100: 153 TFLOP/s per GPU at t 8, p 12, microbatch 1, full recompute, no
// sequence parallelism. A layer counts 96 s h^2 (1 + s/6h) / 8 = 3.814e12 FLOP per GPU: 24,930 us. Its attention was
// not fused.
TEST(LayerTime, ALayerOfMegatrons175BOnA100IsNearItsRow) {
  const Layer layer = layers(R"("kind": "gpt", "layers": 1, "hidden": 12288, "heads": 96, "vocabulary": 51200)")[1];
  const LayerPlan plan{.tp = 8, .sequence_parallel = false, .recompute = Recompute::full};
  const double us = total_us(layer_cost(cluster("a100-80g"), layer, plan, sequences(1, 2048)));
  const double row = 96. * 2048 * 12288 * 12288 * (1 + 2048 / (6. * 12288)) / 8 / 153e6;
  std::printf("175B layer, A100, TP 8: %.0f us, row %.0f us, %+.1f %%\n", us, row, 100 * (us / row - 1));
  EXPECT_NEAR(us / row, 1, 0.25);
}

}  // namespace
}  // namespace bigmac
