// Native measurement without a GPU: which kernels a layer is, how they are timed on a clock that we make up, what the
// tables say.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "bigmac/cost/layer_cost.h"
#include "bigmac/cost/layer_kernels.h"
#include "bigmac/profiler/measure.h"
#include "bigmac/workload/layers.h"
#include "bigmac/workload/measured_costs.h"

namespace bigmac {
namespace {

/// h 1024, 8 heads of 128, 2 key-value heads, gated MLP of 4096; vocabulary 32000.
Model small_model() {
  Model model;
  model.name = "small";
  Layer layer = transformer_layer(1024, Norm::rms);
  add_attention(layer, {.heads = 8, .kv_heads = 2, .head_dim = 128});
  add_mlp(layer, {.width = 4096});
  model.llm.name = "llm";
  model.llm.width = 1024;
  model.llm.layers = {embedding_layer(32000, 1024), layer, layer, head_layer(32000, 1024, Norm::rms)};
  return model;
}

const LayerPlanRow& row_of(const Measurement& m, LayerKind kind) {
  return *std::find_if(m.rows.begin(), m.rows.end(), [&](const LayerPlanRow& row) { return row.layer == kind; });
}

TEST(MeasurePlan, ATransformerLayerIsItsProductsAttentionNormsAndTraffic) {
  MeasurementRequest request;
  request.model = small_model();
  request.sequences = {512};
  request.microbatches = {2};
  const Measurement m = plan_measurement(request);
  ASSERT_EQ(m.rows.size(), 3u);  // the two transformer layers are alike
  const LayerPlanRow& row = row_of(m, LayerKind::transformer);
  EXPECT_EQ(row.layers, 2);
  EXPECT_EQ(row.tokens, 1024);
  std::vector<KernelCase> products;
  for (const CaseUse& use : row.forward)
    if (m.cases[use.index].kind == KernelKind::product) products.push_back(m.cases[use.index]);
  // qkv 1024 x (8 + 2 + 2) 128, out, gate and up 1024 x 8192, down 4096 x 1024; rows 2 x 512.
  const std::vector<KernelCase> expected = {{KernelKind::product, 1024, 1536, 1024, 1, false},
                                            {KernelKind::product, 1024, 1024, 1024, 1, false},
                                            {KernelKind::product, 1024, 8192, 1024, 1, false},
                                            {KernelKind::product, 1024, 1024, 4096, 1, false}};
  EXPECT_EQ(products, expected);
  const auto has = [&](const std::vector<CaseUse>& pass, const KernelCase& wanted) {
    return std::any_of(pass.begin(), pass.end(), [&](const CaseUse& use) { return m.cases[use.index] == wanted; });
  };
  EXPECT_TRUE(has(row.forward, {KernelKind::attention, 512, 512, 128, 16, true}));
  EXPECT_TRUE(has(row.input_gradient, {KernelKind::attention_gradient, 512, 512, 128, 16, true}));
  EXPECT_TRUE(has(row.input_gradient, {KernelKind::input_gradient, 1024, 1024, 1536, 1, false}));
  EXPECT_TRUE(has(row.weight_gradient, {KernelKind::weight_gradient, 1024, 1536, 1024, 1, false}));
  EXPECT_TRUE(has(row.forward, {KernelKind::norm, 1024, 0, 1024, 1, false}));
}

TEST(MeasurePlan, ForwardFlopsAreThoseOfTheCostModelButForTheMask) {
  MeasurementRequest request;
  request.model = small_model();
  request.sequences = {1024};
  const Measurement m = plan_measurement(request);
  const LayerPlanRow& row = row_of(m, LayerKind::transformer);
  double ours = 0, attention = 0;
  for (const CaseUse& use : row.forward) {
    ours += use.times * flops(m.cases[use.index]);
    if (m.cases[use.index].kind == KernelKind::attention) attention += flops(m.cases[use.index]);
  }
  const LayerCost cost = layer_cost(Cluster{}, request.model.llm.layers[1], {}, {1024, 1024.0 * 1024});
  // Unfused attention computes masked pairs too; the cost model counts those that are not masked, (1 + 1/s)/2 of them.
  EXPECT_NEAR(ours - attention / 2, cost.model_flops, 0.002 * cost.model_flops);
}

TEST(MeasurePlan, TrafficIsThatOfTheCostModelsFormulas) {
  const Layer layer = small_model().llm.layers[1];
  const LayerKernels kernels = layer_kernels(layer, {}, {1024, 1024.0 * 1024});
  // By hand, h = 1024, tokens 1024, bf16: 2 norms 4h, 2 adds 6h, rotary of q and k 4 (1024 + 256), gated activation 2
  // (8192 + 4096).
  EXPECT_DOUBLE_EQ(kernels.forward.kernels, 2 + 2 + 2 + 1);
  EXPECT_NEAR(kernels.forward.bytes, 1024.0 * (2 * 4 * 1024 + 2 * 6 * 1024 + 4 * 1280 + 2 * 12288), 1);
}

TEST(MeasurePlan, ExpertsAreOneBatchedProductAndEncodersTakeImages) {
  MeasurementRequest request;
  request.model = small_model();
  Layer expert = transformer_layer(1024, Norm::rms);
  add_attention(expert, {.heads = 8, .kv_heads = 8, .head_dim = 128});
  add_experts(expert, {.count = 64, .active = 8, .width = 512});
  request.model.llm.layers = {expert};
  Module tower;
  tower.name = "vision";
  tower.role = Role::encoder;
  Layer block = transformer_layer(512, Norm::layer);
  add_attention(block, {.heads = 4, .kv_heads = 4, .head_dim = 128, .causal = false});
  tower.layers = {block};
  request.model.encoders = {tower};
  request.images = {256};
  const Measurement m = plan_measurement(request);
  ASSERT_EQ(m.rows.size(), 2u);
  EXPECT_EQ(m.rows[0].module, "vision");
  EXPECT_EQ(m.rows[0].tokens, 256);
  // 4096 tokens x 8 of 64 experts: 512 rows each.
  EXPECT_NE(std::find(m.cases.begin(), m.cases.end(), KernelCase{KernelKind::product, 512, 1024, 1024, 64, false}),
            m.cases.end());
  EXPECT_NE(std::find(m.cases.begin(), m.cases.end(), KernelCase{KernelKind::attention, 256, 256, 128, 4, false}),
            m.cases.end());
}

TEST(MeasurePlan, AWindowBoundsTheKeysAndKeepsThePairs) {
  MeasurementRequest request;
  request.model = small_model();
  Layer layer = transformer_layer(1024, Norm::rms);
  add_attention(layer, {.heads = 8, .kv_heads = 8, .head_dim = 128, .window = 512});
  request.model.llm.layers = {layer};
  request.sequences = {4096};
  const Measurement m = plan_measurement(request);
  EXPECT_NE(std::find(m.cases.begin(), m.cases.end(), KernelCase{KernelKind::attention, 512, 512, 128, 64, false}),
            m.cases.end());
}

TEST(MeasurePlan, SizesThatAreNoneAreRefused) {
  MeasurementRequest request;
  request.model = small_model();
  request.sequences = {0};
  EXPECT_THROW(plan_measurement(request), std::exception);
  request.sequences = {};
  EXPECT_THROW(plan_measurement(request), std::exception);
  request.sequences = {4096};
  request.tensor_parallel = {-1};
  EXPECT_THROW(plan_measurement(request), std::exception);
}

/// A GPU whose kernels take what `one_ns` says for the n-th run since the case began.
struct FakeTimer : KernelTimer {
  std::function<double(const KernelCase&, int batch)> one_ns;
  int calls = 0, most_repeats = 0;
  double memory = 1e12;
  double run_ns(const KernelCase& kernel, int repeats) override {
    most_repeats = std::max(most_repeats, repeats);
    return one_ns(kernel, calls++) * repeats;
  }
  double memory_bytes() const override { return memory; }
};

const KernelCase kCase{KernelKind::product, 128, 128, 128, 1, false};

TEST(MeasureTiming, ASteadyKernelIsTimedExactlyAndInLongEnoughBatches) {
  FakeTimer timer;
  timer.one_ns = [](const KernelCase&, int) { return 5000.0; };
  const Timing timing = time_case(timer, kCase);
  EXPECT_DOUBLE_EQ(timing.us, 5);
  EXPECT_EQ(timing.repeats, 400);  // 2 ms of 5 us
  EXPECT_EQ(timing.outliers, 0);
  EXPECT_TRUE(timing.steady);
  EXPECT_DOUBLE_EQ(timing.spread, 0);
}

TEST(MeasureTiming, WarmUpIsNotCounted) {
  FakeTimer timer;
  timer.one_ns = [](const KernelCase&, int batch) { return batch == 0 ? 1e9 : 5000.0 * (1 + std::exp(-batch / 2.0)); };
  const Timing timing = time_case(timer, kCase);
  EXPECT_TRUE(timing.steady);
  EXPECT_GT(timing.warmups, 2);
  EXPECT_NEAR(timing.us, 5, 0.1);
}

TEST(MeasureTiming, OutliersAreLeftOutAndCounted) {
  FakeTimer timer;
  timer.one_ns = [](const KernelCase&, int batch) { return 5000.0 + batch % 3 + (batch % 7 == 6 ? 4000.0 : 0); };
  const Timing timing = time_case(timer, kCase);
  EXPECT_NEAR(timing.us, 5.001, 0.001);
  EXPECT_GE(timing.outliers, 2);
  EXPECT_LT(timing.spread, 0.001);
}

TEST(MeasureTiming, AKernelThatNeverSettlesIsSaidToBeUnsteady) {
  FakeTimer timer;
  timer.one_ns = [](const KernelCase&, int batch) { return batch % 2 ? 5000.0 : 9000.0; };
  const TimingRules rules;
  const Timing timing = time_case(timer, kCase, rules);
  EXPECT_FALSE(timing.steady);
  EXPECT_EQ(timing.warmups, rules.most_warmups);
}

TEST(MeasureTiming, AKernelLongerThanABatchRunsOnceAndOneThatDoesNotFitIsSkipped) {
  FakeTimer timer;
  timer.one_ns = [](const KernelCase&, int) { return 3e7; };
  EXPECT_EQ(time_case(timer, kCase).repeats, 1);
  timer.memory = 1000;
  const Timing skipped = time_case(timer, kCase);
  EXPECT_EQ(skipped.us, 0);
  EXPECT_NE(skipped.skipped.find("device memory"), std::string::npos);
}

// Products at 100 TFLOP/s, memory at 1 TB/s, nothing else: the table must say exactly what that makes.
TEST(MeasureTables, ACostTableAddsUpItsKernelsAndIsReadBack) {
  MeasurementRequest request;
  request.model = small_model();
  request.sequences = {512, 1024};
  request.microbatches = {1, 2};
  request.tensor_parallel = {1, 2};
  const Measurement m = plan_measurement(request);
  FakeTimer timer;
  timer.one_ns = [](const KernelCase& c, int) { return flops(c) > 0 ? flops(c) / 1e5 : bytes_moved(c) / 1e3; };
  std::vector<Timing> timings;
  for (const KernelCase& c : m.cases) timings.push_back(time_case(timer, c));
  std::vector<std::string> notes;
  const DeviceRecord device{"Fake GPU", "0", "none", "1970-01-01", 200, 2000};
  const MeasuredCosts table = parse_measured_costs(cost_table_text(m, timings, device, notes), "costs.json");
  EXPECT_EQ(table.entries.size(), 3u * 3u);  // three kinds; 512, 1024 (twice, once kept), 2048 tokens
  EXPECT_EQ(notes.size(), 2u);               // of the tokens met twice, and of tp 2
  const auto entry = table.at("llm", LayerKind::transformer, 1, 512);
  ASSERT_TRUE(entry);
  double expected = 0;
  for (const LayerPlanRow& row : m.rows)
    if (row.layer == LayerKind::transformer && row.tp == 1 && row.tokens == 512)
      for (const CaseUse& use : row.weight_gradient) expected += use.times * flops(m.cases[use.index]) / 1e8;
  // qkv, out, gate and up, down: 2 x 512 x (1024 x 1536 + 1024 x 1024 + 1024 x 8192 + 4096 x 1024) FLOP.
  EXPECT_NEAR(expected, 2.0 * 512 * 1024 * (1536 + 1024 + 8192 + 4096) / 1e8, 1e-9);
  EXPECT_NEAR(entry->weight_gradient_us, expected, 1e-5 * expected);
  EXPECT_NE(table.source.find("Fake GPU"), std::string::npos);
  const std::string csv = efficiency_csv(m, timings, device);
  EXPECT_NE(csv.find("product,512,1536,1024,1,0,"), std::string::npos);
  EXPECT_NE(csv.find(",0.5000,"), std::string::npos);  // 100 of 200 TFLOP/s, 1 of 2 TB/s
}

TEST(MeasureTables, AttentionByFormulaIsNotRunAndTheTableSaysSo) {
  MeasurementRequest request;
  request.model = small_model();
  Gpu gpu;
  gpu.bf16_tflops = 1000, gpu.hbm_gbps = 3000, gpu.multiprocessors = 100;
  request.attention_by = gpu;
  const Measurement m = plan_measurement(request);
  for (const KernelCase& c : m.cases) EXPECT_NE(c.kind, KernelKind::attention);
  AttentionShape shape;
  shape.batch = 1, shape.sequence = 4096, shape.heads = 8, shape.kv_heads = 2;
  const double expected = attention_forward_us(gpu, shape);
  std::vector<Timing> timings(m.cases.size());  // all 0: only the formula is left
  std::vector<std::string> notes;
  const MeasuredCosts table = parse_measured_costs(cost_table_text(m, timings, {}, notes), "costs.json");
  EXPECT_NEAR(table.at("llm", LayerKind::transformer, 1, 4096)->forward_us, expected, 1e-4 * expected);
  EXPECT_NE(table.source.find("attention not measured"), std::string::npos);
}

TEST(MeasureTables, ALayerWithAKernelThatWasNotRunIsLeftOut) {
  MeasurementRequest request;
  request.model = small_model();
  const Measurement m = plan_measurement(request);
  FakeTimer timer;
  timer.one_ns = [](const KernelCase&, int) { return 1000.0; };
  timer.memory = 100e6;  // the head's logits need more
  std::vector<Timing> timings;
  for (const KernelCase& c : m.cases) timings.push_back(time_case(timer, c));
  std::vector<std::string> notes;
  const MeasuredCosts table = parse_measured_costs(cost_table_text(m, timings, {}, notes), "costs.json");
  EXPECT_FALSE(table.at("llm", LayerKind::head, 1, 4096));
  EXPECT_FALSE(notes.empty());
}

}  // namespace
}  // namespace bigmac
