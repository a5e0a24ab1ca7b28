// Frozen modules: which passes are left of each, by hand, then by the code.
#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/cost/plan_costs.h"
#include "bigmac/planner/evaluate.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

constexpr const char* kImages =
    R"(, "data": {"sequence_length": 2048, "image_tokens": 600}, "batch": {"global": 16, "micro": 1})";

struct Frozen {
  bool encoder = false, llm = false, projector = false;
};

struct Costs {
  PlanCosts costs;
  std::vector<RankState> states;
};

Costs costs_of(const Frozen& frozen) {
  Job job = full_job("qwen2.5-vl-7b", "h100-80g", 8, kImages);
  job.training.freeze_encoder = frozen.encoder;
  job.training.freeze_llm = frozen.llm;
  job.training.train_projector = frozen.projector;
  ParallelPlan plan;
  plan.pp = 4, plan.dp = 2;
  const ProfileCache cache(job, {plan}, 1);
  Costs out{cache.costs(plan), {}};
  out.states = rank_states(job, plan, out.costs, default_residency(out.costs.pipeline, SidePlacement::every_rank));
  return out;
}

// Over all stages, which other costs cut differently.
double cost(const Costs& c, ModuleId module, OpKind kind) {
  double sum = 0;
  for (std::uint16_t stage = 0; stage < c.costs.pipeline.modules[module].stages; ++stage)
    sum += static_cast<double>(
        c.costs.table.duration[c.costs.table.slot(module, kind, StageId{stage}, MicrobatchId{0})].value);
  return sum;
}
std::int64_t kept(const Costs& c, ModuleId module) {
  std::int64_t sum = 0;
  for (std::uint16_t stage = 0; stage < c.costs.pipeline.modules[module].stages; ++stage)
    sum += c.costs.table.activation[c.costs.table.slot(module, OpKind::forward, StageId{stage}, MicrobatchId{0})].value;
  return sum;
}

constexpr ModuleId kEncoder{1};

// Behind a trained encoder: B = I, no W; weights in bf16 and nothing else.
TEST(FrozenLlm, passes_gradients_on_and_has_no_weight_gradient) {
  const Costs trained = costs_of({}), frozen = costs_of({.llm = true});
  EXPECT_NEAR(cost(frozen, kLlm, OpKind::forward), cost(trained, kLlm, OpKind::forward), 4);  // rounded by stage
  EXPECT_EQ(cost(frozen, kLlm, OpKind::weight_gradient), 0);
  EXPECT_NEAR(cost(frozen, kLlm, OpKind::backward), cost(trained, kLlm, OpKind::input_gradient), 4);
  EXPECT_EQ(cost(frozen, kEncoder, OpKind::backward), cost(trained, kEncoder, OpKind::backward));
  EXPECT_LT(kept(frozen, kLlm), kept(trained, kLlm));  // inputs of products are for weight gradients
  EXPECT_GT(kept(frozen, kLlm), 0);
  double parameters = 0;
  for (const LayerParameters& layer : trained.costs.encoders[0]->parameters) parameters += layer.dense;
  for (std::size_t rank = 0; rank < 4; ++rank)
    EXPECT_NEAR(frozen.states[rank].gradients, 4 * parameters, 1);  // the encoder's
  // F and I of the LLM in place of F, I and W: a third of its FLOPs less.
  double llm = 0;
  for (const LayerCost& layer : trained.costs.llm->layers) llm += layer.model_flops;
  EXPECT_NEAR(trained.costs.model_flops - frozen.costs.model_flops, llm * trained.costs.pipeline.microbatches,
              1e-9 * trained.costs.model_flops);
}

// LLaVA's first stage: the tower runs forward only, the projector F and W, the LLM F and I.
TEST(FrozenTower, leaves_the_projector_its_weight_gradient) {
  const Costs trained = costs_of({}), tuned = costs_of({.encoder = true, .llm = true, .projector = true});
  EXPECT_TRUE(tuned.costs.pipeline.modules[kEncoder].backward);
  EXPECT_EQ(cost(tuned, kEncoder, OpKind::forward), cost(trained, kEncoder, OpKind::forward));
  EXPECT_EQ(cost(tuned, kEncoder, OpKind::input_gradient), 0);
  EXPECT_EQ(cost(tuned, kEncoder, OpKind::backward), cost(tuned, kEncoder, OpKind::weight_gradient));
  EXPECT_GT(cost(tuned, kEncoder, OpKind::backward), 0);
  EXPECT_LT(cost(tuned, kEncoder, OpKind::backward), cost(trained, kEncoder, OpKind::backward) / 10);
  EXPECT_GT(kept(tuned, kEncoder), 0);
  EXPECT_LT(kept(tuned, kEncoder), kept(trained, kEncoder) / 10);  // the projector's own
  EXPECT_NEAR(cost(tuned, kLlm, OpKind::backward), cost(trained, kLlm, OpKind::input_gradient), 4);
  // Gradients of the projector alone.
  const SideCosts& encoder = *tuned.costs.encoders[0];
  double projector = 0;
  for (std::size_t i = 0; i < encoder.parameters.size(); ++i)
    projector += encoder.trained[i] ? encoder.parameters[i].dense : 0;
  for (const RankState& state : tuned.states) EXPECT_NEAR(state.gradients, 4 * projector, 1);
}

TEST(FrozenEncoder, runs_forward_only_and_the_llm_in_full) {
  const Costs trained = costs_of({}), frozen = costs_of({.encoder = true});
  EXPECT_FALSE(frozen.costs.pipeline.modules[kEncoder].backward);
  EXPECT_EQ(cost(frozen, kLlm, OpKind::backward), cost(trained, kLlm, OpKind::backward));
}

TEST(Frozen, whole_models_are_refused) { EXPECT_THROW(costs_of({.encoder = true, .llm = true}), Error); }

// A frozen generator behind a trained LLM: B = I. Before it nothing trained: no backward work at all.
TEST(FrozenGenerator, passes_gradients_to_what_is_trained_before_it) {
  Job job = full_job("bigmac-b", "h800-80g", 128, R"(, "data": {"sequence_length": 2048, "image_tokens": 600,
      "generated_tokens_per_sample": 1024}, "batch": {"global": 128, "micro": 1})");
  ParallelPlan plan;
  plan.pp = 8, plan.dp = 16, plan.ep = 4;
  const auto table_of = [&] { return ProfileCache(job, {plan}, 1).costs(plan); };
  const PlanCosts trained = table_of();
  job.training.freeze_generator = true;
  const PlanCosts frozen = table_of();
  const ModuleId generator = trained.pipeline.generators.at(0);
  const auto duration = [&](const PlanCosts& costs, OpKind kind) {
    return costs.table.duration[costs.table.slot(generator, kind, StageId{0}, MicrobatchId{0})].value;
  };
  EXPECT_EQ(duration(frozen, OpKind::backward), duration(trained, OpKind::input_gradient));
  EXPECT_EQ(duration(frozen, OpKind::weight_gradient), 0);
  EXPECT_GT(duration(frozen, OpKind::backward), 0);
}

}  // namespace
}  // namespace bigmac::test
