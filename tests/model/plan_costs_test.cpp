// Stage partitions, model state and what lies outside the pipeline: each by hand, then by the code.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/base/random.h"
#include "bigmac/cost/kernels.h"
#include "bigmac/cost/plan_costs.h"
#include "bigmac/planner/evaluate.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

constexpr const char* kText = R"(, "data": {"sequence_length": 2048}, "batch": {"global": 16, "micro": 1})";
constexpr const char* kImages =
    R"(, "data": {"sequence_length": 2048, "image_tokens": {"distribution": "uniform", "low": 100, "high": 900}},
        "batch": {"global": 16, "micro": 1})";

std::int64_t work_of(const LayerCost& layer) {
  return std::llround(1e3 * (layer.forward_us + layer.input_gradient_us + layer.weight_gradient_us));
}

/// Without a memory limit.
std::optional<PartitionPlan> partition(const std::vector<LayerCost>& layers, std::uint32_t stages) {
  std::vector<PartitionLayer> all;
  for (const LayerCost& layer : layers) all.push_back({work_of(layer), 0, 0, 0, std::nullopt});
  return partition_within(all, std::vector<PartitionStage>(stages, {1, std::numeric_limits<double>::infinity()}));
}

std::int64_t dearest(const std::vector<std::int64_t>& work, const Partition& first) {
  std::int64_t most = 0;
  for (std::size_t s = 0; s + 1 < first.size(); ++s)
    most = std::max(most, std::accumulate(work.begin() + first[s], work.begin() + first[s + 1], std::int64_t{0}));
  return most;
}

// The least dearest stage over every way to cut work[begin..] into `stages` non-empty runs.
std::int64_t brute_force(const std::vector<std::int64_t>& work, std::size_t begin, std::uint32_t stages) {
  if (stages == 1)
    return std::accumulate(work.begin() + static_cast<std::ptrdiff_t>(begin), work.end(), std::int64_t{0});
  std::int64_t best = INT64_MAX, sum = 0;
  for (std::size_t end = begin + 1; end + stages - 1 <= work.size(); ++end) {
    sum += work[end - 1];
    best = std::min(best, std::max(sum, brute_force(work, end, stages - 1)));
  }
  return best;
}

// Small whole numbers (many ties), or anything, or mostly nothing.
std::vector<LayerCost> random_layers(Random& random, std::size_t count, int kind) {
  std::vector<LayerCost> layers(count);
  for (LayerCost& layer : layers) {
    const auto draw = [&] { return kind == 0 ? static_cast<double>(random.integer(0, 3)) : 1e3 * random.uniform(); };
    const bool empty = kind == 2 && random.integer(0, 2) > 0;
    if (!empty) layer.forward_us = draw(), layer.input_gradient_us = draw(), layer.weight_gradient_us = draw();
  }
  return layers;
}

TEST(PartitionLayers, finds_the_least_dearest_stage_of_all_partitions) {
  Random random(1);
  for (std::size_t count = 1; count <= 12; ++count)
    for (std::uint32_t stages = 1; stages <= std::min<std::size_t>(6, count); ++stages)
      for (int kind = 0; kind < 30; ++kind) {
        const std::vector<LayerCost> layers = random_layers(random, count, kind % 3);
        std::vector<std::int64_t> work;
        for (const LayerCost& layer : layers) work.push_back(work_of(layer));
        const Partition first = partition(layers, stages).value().first;
        ASSERT_EQ(first.size(), stages + 1u);
        EXPECT_EQ(first.front(), 0u);
        EXPECT_EQ(first.back(), count);
        for (std::uint32_t s = 0; s < stages; ++s) EXPECT_LT(first[s], first[s + 1]) << "stage " << s << " is empty";
        ASSERT_EQ(dearest(work, first), brute_force(work, 0, stages)) << count << " layers, " << stages << " stages";
      }
}

TEST(PartitionLayers, leaves_early_stages_light_where_several_partitions_are_best) {
  // 5 layers of 1 into 2 stages: 2 + 3 and 3 + 2 are both 3; the first stage holds the most microbatches.
  EXPECT_EQ(partition(std::vector<LayerCost>(5, {.forward_us = 1}), 2)->first, (Partition{0, 2, 5}));
}

TEST(PartitionLayers, has_none_for_fewer_layers_than_stages) {
  EXPECT_FALSE(partition(std::vector<LayerCost>(3), 4).has_value());
  EXPECT_TRUE(partition(std::vector<LayerCost>(4), 4).has_value());
}

struct Planned {
  Job job;
  ParallelPlan plan;
  PlanCosts costs;
  double llm_parameters = 0, encoder_parameters = 0;
};

Planned planned(Job job, const ParallelPlan& plan) {
  const ProfileCache cache(job, {plan}, 1);
  Planned out{job, plan, cache.costs(plan)};
  out.llm_parameters = static_cast<double>(parameters(job.model->llm));
  if (!job.model->encoders.empty()) out.encoder_parameters = static_cast<double>(parameters(job.model->encoders[0]));
  return out;
}

ParallelPlan degrees(int tp, int pp, int dp, int ep = 1) {
  ParallelPlan plan;
  plan.tp = tp, plan.pp = pp, plan.dp = dp, plan.ep = ep;
  return plan;
}

std::vector<RankState> states_of(const Planned& p, SidePlacement sides) {
  return rank_states(p.job, p.plan, p.costs, default_residency(p.costs.pipeline, sides));
}

RankState sum_of_ranks(const std::vector<RankState>& states) {
  RankState sum;
  for (const RankState& s : states)
    sum.weights += s.weights, sum.gradients += s.gradients, sum.optimizer += s.optimizer, sum.buffers += s.buffers;
  return sum;
}

TEST(PlanCosts, a_backward_row_is_its_input_and_weight_gradient_rows_together) {
  ParallelPlan plan = degrees(2, 2, 2);
  plan.vpp = 2;
  const Planned p = planned(full_job("qwen2.5-vl-7b", "h100-80g", 8, kImages), plan);
  const auto ns = [&](ModuleId module, OpKind kind, std::uint32_t stage, std::uint32_t m) {
    return p.costs.table
        .duration[p.costs.table.slot(module, kind, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{m})];
  };
  for (std::uint8_t module = 0; module < p.costs.pipeline.modules.size(); ++module)
    for (std::uint32_t stage = 0; stage < p.costs.pipeline.modules.items[module].stages; ++stage)
      for (std::uint32_t m = 0; m < p.costs.pipeline.microbatches; ++m) {
        const ModuleId id{module};
        EXPECT_GT(ns(id, OpKind::backward, stage, m).value, 0);
        EXPECT_EQ(ns(id, OpKind::backward, stage, m),
                  ns(id, OpKind::input_gradient, stage, m) + ns(id, OpKind::weight_gradient, stage, m));
      }
}

TEST(PlanCosts, stages_hold_all_layers_and_their_time_is_the_sum_of_theirs) {
  const Planned p = planned(full_job("llama-3.1-8b", "h100-80g", 8, kText), degrees(2, 4, 1));
  ASSERT_EQ(p.costs.partition.size(), 5u);
  for (std::uint32_t stage = 0; stage < 4; ++stage) {
    double forward = 0;
    for (std::uint32_t i = p.costs.partition[stage]; i < p.costs.partition[stage + 1]; ++i)
      forward += p.costs.llm->layers[i].forward_us;
    const auto slot = p.costs.table.slot(kLlm, OpKind::forward, StageId{static_cast<std::uint16_t>(stage)}, {});
    EXPECT_EQ(p.costs.table.duration[slot].value, std::llround(1e3 * forward));
  }
}

// A sequence of 10^9 tokens: attention alone takes years, more than the clock's 2^60 ns over a step.
TEST(PlanCosts, refuses_passes_that_no_clock_can_add_up) {
  const Job job = full_job("llama-3.1-8b", "h100-80g", 8,
                           R"(, "data": {"sequence_length": 1000000000}, "batch": {"global": 8, "micro": 1})");
  EXPECT_THROW(planned(job, degrees(1, 8, 1)), Error);
}

// bf16 weight 2, fp32 gradient 4, fp32 master weight and two moments 12: 18 bytes a parameter. Llama 3.1 8B at tp 1:
// its ranks hold each parameter once, so their states add up to 18 x 8,030,261,248.
TEST(RankStates, of_a_dense_model_are_18_bytes_a_parameter_without_distributed_optimizer) {
  const Planned p = planned(
      full_job("llama-3.1-8b", "h100-80g", 8, std::string(kText) + R"(, "training": {"distributed_optimizer": false})"),
      degrees(1, 4, 2));
  const RankState sum = sum_of_ranks(states_of(p, SidePlacement::first_and_last));
  EXPECT_EQ(p.llm_parameters, 8'030'261'248.0);
  EXPECT_DOUBLE_EQ(sum.weights, 2 * p.llm_parameters);
  EXPECT_DOUBLE_EQ(sum.gradients, 4 * p.llm_parameters);
  EXPECT_DOUBLE_EQ(sum.optimizer, 12 * p.llm_parameters);
}

// With a distributed optimizer the dp x cp = 2 copies share the 12 bytes: 6 + 12 / 2 = 12 bytes a parameter.
TEST(RankStates, share_the_optimizer_over_data_parallel_ranks) {
  const Planned p = planned(full_job("llama-3.1-8b", "h100-80g", 8, kText), degrees(1, 4, 2));
  const RankState sum = sum_of_ranks(states_of(p, SidePlacement::first_and_last));
  EXPECT_DOUBLE_EQ(sum.weights + sum.gradients + sum.optimizer, 12 * p.llm_parameters);
  ParallelPlan with_context = degrees(1, 2, 2);
  with_context.cp = 2;
  const Planned c = planned(full_job("llama-3.1-8b", "h100-80g", 8, kText), with_context);
  EXPECT_DOUBLE_EQ(sum_of_ranks(states_of(c, SidePlacement::first_and_last)).optimizer, 12 * c.llm_parameters / 4);
}

// A tied head is the embedding table again; with pp > 1 the last stage holds a copy of it (51,200 x width).
TEST(RankStates, hold_a_tied_table_twice) {
  const Planned p = planned(full_job("gpt-11b", "h100-80g", 8, kText), degrees(1, 8, 1));
  const double table = 51'200.0 * static_cast<double>(p.job.model->llm.width);
  EXPECT_DOUBLE_EQ(sum_of_ranks(states_of(p, SidePlacement::first_and_last)).weights, 2 * (p.llm_parameters + table));
}

// Qwen3-30B-A3B: 48 layers x 128 experts x 3 products of 2048 x 768 = 28,991,029,248 routed parameters. A pipeline of
// ep 1 holds them all; with ep 4 each GPU a quarter, shared by dp tp / ep = 8 / 4 GPUs.
TEST(RankStates, divide_routed_experts_by_ep) {
  const double experts = 48.0 * 128 * 3 * 2048 * 768;
  const Job job = full_job("qwen3-30b-a3b", "h100-80g", 16, kText);
  const Planned whole = planned(job, degrees(1, 2, 8)), cut = planned(job, degrees(1, 2, 8, 4));
  const RankState a = sum_of_ranks(states_of(whole, SidePlacement::first_and_last));
  const RankState b = sum_of_ranks(states_of(cut, SidePlacement::first_and_last));
  EXPECT_DOUBLE_EQ(a.weights, 2 * whole.llm_parameters);
  EXPECT_DOUBLE_EQ(b.weights, 2 * (whole.llm_parameters - experts * 3 / 4));
  EXPECT_DOUBLE_EQ(b.gradients, 4 * (whole.llm_parameters - experts * 3 / 4));
  // 12 bytes a parameter over 8 GPUs for what all hold, and a quarter over 2 for the experts: the same sum.
  EXPECT_DOUBLE_EQ(a.optimizer, 12 * whole.llm_parameters / 8);
  EXPECT_DOUBLE_EQ(b.optimizer, 12 * (whole.llm_parameters - experts) / 8 + 12 * experts / 4 / 2);
}

// An encoder of E parameters on every one of pp = 4 ranks of dp = 2: 8 copies, each 6 E + 12 E / 8. On the first rank
// alone: 2 copies, 6 E + 12 E / 2, and nothing on the others.
TEST(RankStates, hold_an_encoder_on_every_rank_or_on_the_first) {
  const Planned p = planned(full_job("qwen2.5-vl-7b", "h100-80g", 8, kImages), degrees(1, 4, 2));
  const double e = p.encoder_parameters;
  const auto spread = states_of(p, SidePlacement::every_rank), first = states_of(p, SidePlacement::first_and_last);
  ASSERT_GT(e, 5e8);
  for (std::size_t rank = 1; rank < 4; ++rank) {
    EXPECT_NEAR(spread[rank].total() - first[rank].total(), 6 * e + 12 * e / 8, 1);
    EXPECT_NEAR(spread[rank].weights - first[rank].weights, 2 * e, 1);
  }
  EXPECT_NEAR(first[0].total() - spread[0].total(), 12 * e / 2 - 12 * e / 8, 1);
}

// Fewer microbatches than ranks: microbatch m lives on rank m mod P, so only 2 of 4 ranks hold the encoder.
TEST(RankStates, hold_no_encoder_on_ranks_without_a_microbatch) {
  Job job = full_job("qwen2.5-vl-7b", "h100-80g", 8, kImages);
  job.batch.global = 4;
  const Planned p = planned(job, degrees(1, 4, 2));
  ASSERT_EQ(p.costs.pipeline.microbatches, 2u);
  const auto spread = states_of(p, SidePlacement::every_rank), first = states_of(p, SidePlacement::first_and_last);
  EXPECT_EQ(spread[3].total(), first[3].total());
  EXPECT_NEAR(spread[1].total() - first[1].total(), 6 * p.encoder_parameters + 12 * p.encoder_parameters / 4, 1);
}

// Sharded over the node's 8 GPUs each holds 2 E / 8 + 4 E / 8. The optimizer was shared by all 8 copies before: 12 E
// / 8. Without a distributed optimizer each keeps the states of its own shard, 12 E / 8 as well.
TEST(RankStates, divide_sharded_encoders_by_the_node) {
  for (const bool distributed : {true, false}) {
    Job job = full_job("qwen2.5-vl-7b", "h100-80g", 8, kImages);
    job.training.distributed_optimizer = distributed;
    ParallelPlan plan = degrees(1, 4, 2);
    const Planned whole = planned(job, plan);
    plan.shard_sides = true;
    const Planned sharded = planned(job, plan);
    const double e = whole.encoder_parameters;
    const auto before = states_of(whole, SidePlacement::every_rank),
               after = states_of(sharded, SidePlacement::every_rank);
    for (std::size_t rank = 0; rank < 4; ++rank) {
      EXPECT_NEAR(before[rank].weights - after[rank].weights, 2 * e * 7 / 8, 1);
      EXPECT_NEAR(before[rank].gradients - after[rank].gradients, 4 * e * 7 / 8, 1);
      EXPECT_NEAR(before[rank].optimizer - after[rank].optimizer, distributed ? 0 : 12 * e * 7 / 8, 1);
    }
  }
}

TEST(RankStates, of_a_frozen_encoder_are_its_weights_alone) {
  Job job = full_job("qwen2.5-vl-7b", "h100-80g", 8, kImages);
  const Planned trained = planned(job, degrees(1, 4, 2));
  job.training.freeze_encoder = true;
  const Planned frozen = planned(job, degrees(1, 4, 2));
  const double e = trained.encoder_parameters;
  const auto before = states_of(trained, SidePlacement::every_rank),
             after = states_of(frozen, SidePlacement::every_rank);
  for (std::size_t rank = 0; rank < 4; ++rank) {
    EXPECT_NEAR(before[rank].weights, after[rank].weights, 1);
    EXPECT_NEAR(before[rank].gradients - after[rank].gradients, 4 * e, 1);
    EXPECT_NEAR(before[rank].optimizer - after[rank].optimizer, 12 * e / 8, 1);
  }
}

OutsidePipeline outside_of(const Planned& p) {
  return outside_pipeline(p.job, p.plan, p.costs, default_residency(p.costs.pipeline, SidePlacement::every_rank));
}

// 8 copies of N parameters in one node: gradients, 4 N bytes, are reduce-scattered; updated weights, 2 N, gathered;
// each GPU updates N / 8, and a step has its fixed part. Without a distributed optimizer: one all-reduce of 4 N, and
// every GPU updates all.
TEST(OutsidePipeline, is_the_collectives_and_the_optimizer_where_nothing_overlaps) {
  Job job = full_job("llama-3.1-8b", "h100-80g", 8, kText);
  job.training.overlap_gradients = false;
  const Planned p = planned(job, degrees(1, 1, 8));
  const double n = p.llm_parameters;
  const OutsidePipeline sharded = outside_of(p);
  EXPECT_DOUBLE_EQ(sharded.gradients_us, collective_us(*job.cluster, Collective::reduce_scatter, 4 * n, 8, 8));
  EXPECT_DOUBLE_EQ(sharded.parameters_us, collective_us(*job.cluster, Collective::all_gather, 2 * n, 8, 8));
  const double fixed = job.cluster->training.step_us;
  EXPECT_DOUBLE_EQ(sharded.optimizer_us, elementwise_us(job.cluster->gpu, 38 * n / 8) + fixed);
  job.training.distributed_optimizer = false;
  const OutsidePipeline whole = outside_of(planned(job, degrees(1, 1, 8)));
  EXPECT_DOUBLE_EQ(whole.gradients_us, collective_us(*job.cluster, Collective::all_reduce, 4 * n, 8, 8));
  EXPECT_EQ(whole.parameters_us, 0);
  EXPECT_DOUBLE_EQ(whole.optimizer_us, elementwise_us(job.cluster->gpu, 38 * n) + fixed);
}

TEST(OutsidePipeline, hides_traffic_under_work_but_never_its_last_bucket) {
  const Planned p = planned(full_job("llama-3.1-8b", "h100-80g", 8, kText), degrees(1, 1, 8));
  const double whole = collective_us(*p.job.cluster, Collective::reduce_scatter, 4 * p.llm_parameters, 8, 8);
  const double bucket = whole * 40e6 / p.llm_parameters;
  const auto slot = p.costs.table.slot(kLlm, OpKind::backward, StageId{0}, MicrobatchId{0});
  const double cover = 1e-3 * static_cast<double>(p.costs.table.duration[slot].value);
  EXPECT_DOUBLE_EQ(outside_of(p).gradients_us, std::max(whole - cover, bucket));
}

// A rank that is done with the LLM 30 ms before the end reduces its gradients meanwhile; 50 ms of waiting for the first
// forward gather its weights.
TEST(OutsidePipeline, runs_beside_what_a_rank_does_without_llm_weights) {
  Job job = full_job("llama-3.1-8b", "h100-80g", 8, kText);
  job.training.overlap_gradients = false;
  const Planned p = planned(job, degrees(1, 1, 8));
  const Residency where = default_residency(p.costs.pipeline, SidePlacement::every_rank);
  const OutsidePipeline all = outside_of(p);
  const OutsidePipeline rest = outside_pipeline(p.job, p.plan, p.costs, where, {{50e3, 30e3}});
  EXPECT_NEAR(rest.gradients_us, std::max(0.0, all.gradients_us - 30e3), 1e-6);
  EXPECT_NEAR(rest.parameters_us, std::max(0.0, all.parameters_us - 50e3), 1e-6);
  EXPECT_EQ(rest.optimizer_us, all.optimizer_us);
}

TEST(OutsidePipeline, is_nothing_but_the_optimizer_without_copies) {
  const OutsidePipeline alone = outside_of(planned(full_job("llama-3.1-8b", "h100-80g", 8, kText), degrees(1, 8, 1)));
  EXPECT_EQ(alone.gradients_us, 0);
  EXPECT_EQ(alone.parameters_us, 0);
  EXPECT_GT(alone.optimizer_us, 0);
}

TEST(OutsidePipeline, leaves_a_frozen_encoder_out) {
  Job job = full_job("qwen2.5-vl-7b", "h100-80g", 8, kImages);
  job.training.overlap_gradients = false;
  job.training.freeze_encoder = true;
  const Planned p = planned(job, degrees(1, 1, 8));
  EXPECT_DOUBLE_EQ(outside_of(p).gradients_us,
                   collective_us(*job.cluster, Collective::reduce_scatter, 4 * p.llm_parameters, 8, 8));
  EXPECT_DOUBLE_EQ(outside_of(p).optimizer_us,
                   elementwise_us(job.cluster->gpu, 38 * p.llm_parameters / 8) + job.cluster->training.step_us);
}

// GPUs are laid out tp, cp, dp, pp. Copies of a dense parameter lie tp apart, those of an expert ep apart: with ep = 8,
// dp = 32 and nodes of 8 GPUs the 4 copies of an expert are on 4 nodes.
TEST(OutsidePipeline, counts_copies_in_a_node_by_how_far_apart_they_lie) {
  Job job = full_job("qwen3-30b-a3b", "h100-80g", 32, kText);
  job.training.overlap_gradients = false;
  job.batch.global = 64;
  const Planned p = planned(job, degrees(1, 1, 32, 8));
  const double experts = 48.0 * 128 * 3 * 2048 * 768, dense = p.llm_parameters - experts;
  const double expected = collective_us(*job.cluster, Collective::reduce_scatter, 4 * dense, 32, 8) +
                          collective_us(*job.cluster, Collective::reduce_scatter, 4 * experts / 8, 4, 1);
  EXPECT_NEAR(outside_of(p).gradients_us, expected, 1e-6 * expected);
  ParallelPlan context = degrees(2, 1, 4);
  context.cp = 4;
  Job dense_job = full_job("llama-3.1-8b", "h100-80g", 32, kText);
  dense_job.training.overlap_gradients = false;
  const Planned c = planned(dense_job, context);
  double held = 0;
  for (const LayerParameters& layer : c.costs.llm->parameters) held += layer.dense;
  EXPECT_DOUBLE_EQ(outside_of(c).gradients_us,
                   collective_us(*dense_job.cluster, Collective::reduce_scatter, 4 * held, 16, 4));
}

}  // namespace
}  // namespace bigmac::test
