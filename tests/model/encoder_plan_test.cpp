// A model's encoders cut into stages over consecutive ranks (encoder_pp): what the cut costs and what it spares.
#include <numeric>

#include <gtest/gtest.h>

#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/study.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

constexpr const char* kImages =
    R"(, "data": {"sequence_length": 2048, "images_per_sample": 2, "image_tokens": {"distribution": "uniform",
        "low": 100, "high": 900}}, "batch": {"global": 32, "micro": 1})";

struct Planned {
  Job job;
  ParallelPlan plan;
  PlanCosts costs;
};

Planned planned(int encoder_pp, const char* model = "qwen2.5-vl-7b") {
  Planned out{full_job(model, "h100-80g", 16, kImages), {}, {}};
  out.plan.pp = 4, out.plan.vpp = 2, out.plan.dp = 4;
  out.plan.encoder_pp = encoder_pp;
  out.costs = ProfileCache(out.job, {out.plan}, 1).costs(out.plan);
  return out;
}

std::int64_t encoder_ns(const PlanCosts& costs, OpKind kind, std::uint32_t stage, std::uint32_t m) {
  const StageId id{static_cast<std::uint16_t>(stage)};
  return costs.table.duration[costs.table.slot(costs.pipeline.encoders[0], kind, id, MicrobatchId{m})].value;
}

// Stages are runs of the encoder's layers, and together they are the whole encoder: each row is rounded once.
TEST(EncoderPlan, stages_are_the_encoder_cut) {
  const Planned whole = planned(1), cut = planned(4);
  const Partition& first = cut.costs.encoder_cuts[0];
  ASSERT_EQ(first.size(), 5u);
  EXPECT_EQ(first.front(), 0u);
  EXPECT_EQ(first.back(), whole.job.model->encoders[0].layers.size());
  for (std::uint32_t m = 0; m < cut.costs.pipeline.microbatches; ++m)
    for (const OpKind kind : {OpKind::forward, OpKind::backward}) {
      std::int64_t sum = 0;
      for (std::uint32_t stage = 0; stage < 4; ++stage) {
        EXPECT_LT(first[stage], first[stage + 1]);
        sum += encoder_ns(cut.costs, kind, stage, m);
      }
      EXPECT_NEAR(static_cast<double>(sum), static_cast<double>(encoder_ns(whole.costs, kind, 0, m)), 8);
    }
  EXPECT_DOUBLE_EQ(cut.costs.model_flops, whole.costs.model_flops);
}

// 4 ranks, E encoder parameters, dp 4. Whole, every rank holds E: 2 E of weights, 4 E of gradients, 12 E / 16 of
// optimizer. In 4 stages the ranks hold E together: 2 E, 4 E, and of 12 E a quarter on each of its 4 copies.
TEST(EncoderPlan, weights_stand_once_in_an_encoder_pipeline) {
  const auto sum = [](const Planned& p) {
    RankState out;
    for (const RankState& s :
         rank_states(p.job, p.plan, p.costs, default_residency(p.costs.pipeline, SidePlacement::every_rank)))
      out.weights += s.weights, out.gradients += s.gradients, out.optimizer += s.optimizer;
    return out;
  };
  const RankState whole = sum(planned(1)), halves = sum(planned(2)), quarters = sum(planned(4));
  const auto e = static_cast<double>(parameters(planned(1).job.model->encoders[0]));
  EXPECT_NEAR(whole.weights - quarters.weights, 2 * 3 * e, 1);
  EXPECT_NEAR(whole.gradients - quarters.gradients, 4 * 3 * e, 1);
  EXPECT_NEAR(whole.optimizer - quarters.optimizer, 0, 1);
  EXPECT_NEAR(whole.weights - halves.weights, 2 * 2 * e, 1);
}

// Between stages a layer's output travels, to the LLM what the projector makes of it; the last stage sends the one
// forwards and the other backwards, and its row says the larger.
TEST(EncoderPlan, stages_hand_on_layer_outputs) {
  const Planned p = planned(4);
  const SideCosts& encoder = *p.costs.encoders[0];
  const auto sent = [&](std::uint16_t stage) {
    return p.costs.table
        .transfer[p.costs.table.slot(p.costs.pipeline.encoders[0], OpKind::forward, StageId{stage}, MicrobatchId{0})];
  };
  EXPECT_GT(sent(0).value, 0);
  EXPECT_EQ(sent(0), sent(2));
  EXPECT_EQ(sent(3) > sent(0), encoder.transfer_bytes[0] > encoder.inner_bytes[0]);
  EXPECT_GE(sent(3), sent(0));
}

// The dearest stage is the least of all ways to cut.
TEST(EncoderPlan, cuts_are_even) {
  const Planned p = planned(4);
  const std::uint32_t microbatches = p.costs.pipeline.microbatches;
  std::vector<double> layers(p.job.model->encoders[0].layers.size(), 0);
  for (std::uint32_t i = 0; i < layers.size(); ++i)
    for (std::uint32_t m = 0; m < microbatches; ++m) {
      const LayerCost& c = p.costs.encoders[0]->layer(m, i);
      layers[i] += 1e3 * (c.forward_us + c.input_gradient_us + c.weight_gradient_us) / microbatches;
    }
  const auto dearest = [&](const Partition& first) {
    double most = 0;
    for (std::uint32_t s = 0; s < 4; ++s)
      most = std::max(most, std::accumulate(layers.begin() + first[s], layers.begin() + first[s + 1], 0.0));
    return most;
  };
  const double found = dearest(p.costs.encoder_cuts[0]);
  for (std::uint32_t a = 1; a + 2 < layers.size(); ++a)
    for (std::uint32_t b = a + 1; b + 1 < layers.size(); ++b)
      for (std::uint32_t c = b + 1; c < layers.size(); ++c)
        EXPECT_LE(found, dearest({0, a, b, c, static_cast<std::uint32_t>(layers.size())}) + 100);
}

TEST(EncoderPlan, schedules_hold_less) {
  const Planned whole = planned(1), cut = planned(4);
  for (const char* name : {"bigmac", "upfront"}) {
    const ScheduleChoice choice{name, "", {}};
    const auto a = evaluate(whole.job, whole.plan, whole.costs, choice, Bytes{INT64_MAX});
    const auto b = evaluate(cut.job, cut.plan, cut.costs, choice, Bytes{INT64_MAX});
    ASSERT_TRUE(a && b) << name;
    EXPECT_LT(b->memory, a->memory) << name;
    EXPECT_EQ(b->plan.encoder_pp, 4) << name;
  }
}

}  // namespace
}  // namespace bigmac::test
