// Megatron-LM balanced on models: the layers of encoder, LLM and generator as one list, by hand and by the code.
#include <algorithm>

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/evaluate.h"
#include "bigmac/schedule/residency.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

constexpr const char* kImages =
    R"(, "data": {"sequence_length": 2048, "image_tokens": {"distribution": "uniform", "low": 100, "high": 900}},
        "batch": {"global": 16, "micro": 1})";
constexpr const char* kBothSides = R"(, "data": {"sequence_length": 4096, "images_per_sample": 2, "image_tokens": 512,
        "generated_tokens_per_sample": 1024}, "batch": {"global": 32, "micro": 1})";

struct Listed {
  Job job;
  ParallelPlan plan;
  PlanCosts apart, costs;
};

Listed listed(const char* model, const char* data, OneList how = OneList::by_time) {
  Listed out{full_job(model, "h800-80g", 16, data), {}, {}, {}};
  out.plan.pp = 4, out.plan.vpp = 2, out.plan.dp = 4;
  const ProfileCache cache(out.job, {out.plan}, 1);
  out.apart = cache.costs(out.plan);
  out.plan.one_list = how;
  out.costs = cache.costs(out.plan);
  return out;
}

std::int64_t ns(const PlanCosts& costs, std::uint32_t module, OpKind kind, std::uint32_t stage, std::uint32_t m) {
  return costs.table
      .duration[costs.table.slot(ModuleId{static_cast<std::uint8_t>(module)}, kind,
                                 StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{m})]
      .value;
}

// Every layer of every module once, in forward order.
TEST(OneList, stages_are_runs_of_one_list) {
  for (const auto& [model, data] : {std::pair{"qwen2.5-vl-7b", kImages}, {"bigmac-b", kBothSides}}) {
    const Listed one = listed(model, data);
    std::vector<std::pair<std::string, std::uint32_t>> expected, found;
    const auto add = [&](const Module& module) {
      for (std::uint32_t i = 0; i < module.layers.size(); ++i) expected.emplace_back(module.name, i);
    };
    for (const Module& module : one.job.model->encoders) add(module);
    add(one.job.model->llm);
    for (const Module& module : one.job.model->generators) add(module);
    ASSERT_EQ(one.costs.listed.size(), 8u);
    for (const auto& runs : one.costs.listed) {
      EXPECT_FALSE(runs.empty());
      for (const ListedLayers& run : runs) {
        const Module& module = run.role == Role::llm       ? one.job.model->llm
                               : run.role == Role::encoder ? one.job.model->encoders[run.index]
                                                           : one.job.model->generators[run.index];
        for (std::uint32_t i = run.first; i < run.last; ++i) found.emplace_back(module.name, i);
      }
    }
    EXPECT_EQ(found, expected) << model;
    EXPECT_EQ(one.costs.pipeline.modules.size(), 1u);
  }
}

// A microbatch's work is what it was with modules apart; each of 8 stages and of the modules' rows is rounded once.
TEST(OneList, a_microbatch_takes_the_same_work_as_with_modules_apart) {
  const Listed one = listed("bigmac-b", kBothSides), images = listed("qwen2.5-vl-7b", kImages);
  for (const Listed* each : {&one, &images})
    for (const OpKind kind : {OpKind::forward, OpKind::backward})
      for (std::uint32_t m = 0; m < each->costs.pipeline.microbatches; ++m) {
        std::int64_t list = 0, apart = 0;
        for (std::uint32_t stage = 0; stage < 8; ++stage) {
          list += ns(each->costs, 0, kind, stage, m);
          apart += ns(each->apart, 0, kind, stage, m);
        }
        for (std::uint32_t side = 1; side < each->apart.pipeline.modules.size(); ++side)
          apart += ns(each->apart, side, kind, 0, m);
        EXPECT_NEAR(static_cast<double>(list), static_cast<double>(apart), 40) << m;
      }
  EXPECT_DOUBLE_EQ(one.costs.model_flops, one.apart.model_flops);
}

// 18 bytes a parameter over 4 ranks, once: encoder layers are not on every rank. Distributed: 6 + 12 / replicas.
TEST(OneList, weights_stand_once_in_the_pipeline) {
  const Listed one = listed("qwen2.5-vl-7b", kImages);
  const auto states =
      rank_states(one.job, one.plan, one.costs, default_residency(one.costs.pipeline, SidePlacement::every_rank));
  double weights = 0, expected = 0;
  for (const RankState& state : states) weights += state.weights;
  expected = 2.0 * static_cast<double>(parameters(one.job.model->llm) + parameters(one.job.model->encoders[0]));
  EXPECT_NEAR(weights, expected, 1e-6 * expected);
}

double dearest_over_mean(const PlanCosts& costs) {
  double most = 0, sum = 0;
  for (std::uint32_t stage = 0; stage < 8; ++stage) {
    double own = 0;
    for (std::uint32_t m = 0; m < costs.pipeline.microbatches; ++m)
      for (const OpKind kind : {OpKind::forward, OpKind::backward})
        own += static_cast<double>(ns(costs, 0, kind, stage, m));
    most = std::max(most, own), sum += own;
  }
  return most / (sum / 8);
}

// By FLOPs, layers whose kernels are slow weigh too little: the dearest stage is dearer.
TEST(OneList, a_cut_by_time_is_more_even_in_time_than_one_by_flops) {
  const double by_time = dearest_over_mean(listed("bigmac-b", kBothSides).costs);
  const double by_flops = dearest_over_mean(listed("bigmac-b", kBothSides, OneList::by_flops).costs);
  EXPECT_LT(by_time, by_flops);
  EXPECT_LT(by_time, 1.35);
}

TEST(OneList, frozen_layers_have_no_backward_and_hold_nothing) {
  Listed one = listed("qwen2.5-vl-7b", kImages);
  one.job.training.freeze_encoder = true;
  const PlanCosts frozen = ProfileCache(one.job, {one.plan}, 1).costs(one.plan);
  std::int64_t list = 0, llm = 0;
  for (std::uint32_t stage = 0; stage < 8; ++stage) {
    list += ns(frozen, 0, OpKind::backward, stage, 0);
    llm += ns(one.apart, 0, OpKind::backward, stage, 0);
  }
  EXPECT_NEAR(static_cast<double>(list), static_cast<double>(llm), 40);
}

// Megatron-LM balanced has no stage with a whole encoder in it: it is much faster than naive, slower than optimus.
TEST(OneList, balanced_stands_between_optimus_and_naive) {
  const Job job = load_job(std::string(BIGMAC_SOURCE_DIR) + "/configs/jobs/optimus-d.json");
  ParallelPlan plan;
  plan.tp = 8, plan.pp = 8, plan.vpp = 12, plan.dp = 8, plan.encoder_tp = 8, plan.micro_batch = 2;
  const PlanCosts costs = ProfileCache(job, {plan}, 1).costs(plan);
  const auto step = [&](const char* schedule) { return evaluate(job, plan, costs, {schedule, "", {}})->step.value; };
  const auto balanced = static_cast<double>(step("balanced"));
  EXPECT_GT(balanced, 1.01 * static_cast<double>(step("optimus")));
  EXPECT_LT(balanced, 0.6 * static_cast<double>(step("naive")));
}

TEST(OneList, is_refused_where_weights_of_sides_are_sharded) {
  Listed one = listed("qwen2.5-vl-7b", kImages);
  one.plan.shard_sides = true, one.plan.one_list = OneList::no;
  const PlanCosts costs = ProfileCache(one.job, {one.plan}, 1).costs(one.plan);
  EXPECT_FALSE(evaluate(one.job, one.plan, costs, {"balanced", "", {}}));
  EXPECT_THROW(costs_under(one.job, plan_under(one.job, one.plan, {"balanced", "", {}}), costs), Error);
}

}  // namespace
}  // namespace bigmac::test
