// Which parallel plans a job allows, and why not the others.
#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/space.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

constexpr const char* kData = R"(, "data": {"sequence_length": 4096, "image_tokens": 500})";

Job job_of(const std::string& model, int gpus, const std::string& members) {
  return full_job(model, "h100-80g", gpus, kData + members);
}

/// With tp fixed past the job file's own checks, which refuse a tp that no plan has.
PlanSpace plans_with_tp(int tp, int gpus) {
  Job job = job_of("llama-3.1-8b", gpus, R"(, "batch": {"global": )" + std::to_string(gpus) + "}");
  job.parallel.tp = tp;
  return enumerate_plans(job);
}

std::int64_t excluded(const PlanSpace& space, const std::string& reason) {
  const auto found = space.excluded.find(reason);
  return found == space.excluded.end() ? 0 : found->second;
}

// What a plan says of its own job, asked independently of the enumeration.
void expect_runnable(const Job& job, const ParallelPlan& plan) {
  EXPECT_EQ(plan.gpus(), job.cluster->gpus);
  EXPECT_LE(plan.tp, job.cluster->node.gpus);
  EXPECT_EQ(job.batch.global % (plan.micro_batch * plan.dp), 0);
  EXPECT_EQ(microbatches(job, plan) * plan.micro_batch * plan.dp, job.batch.global);
  EXPECT_LE(static_cast<std::size_t>(plan.pp * plan.vpp), job.model->llm.layers.size());
  if (plan.vpp > 1) {
    EXPECT_GT(plan.pp, 1);
  }
  EXPECT_EQ(plan.tp * plan.cp * plan.dp % plan.ep, 0);
  EXPECT_EQ(plan.rank_gpus() % plan.encoder_tp, 0);
  EXPECT_EQ(plan.rank_gpus() % plan.generator_tp, 0);
}

void expect_heads_fit(const Module& module, int tp) {
  for (const Layer& layer : module.layers) {
    if (!layer.attention) continue;
    EXPECT_EQ(layer.attention->heads % tp, 0) << module.name << " tp " << tp;
    const std::int64_t groups = layer.attention->kv_heads;
    EXPECT_TRUE(groups % tp == 0 || tp % groups == 0) << module.name << " tp " << tp;
  }
}

TEST(PlanSpace, holds_only_plans_that_a_trainer_could_run) {
  for (const char* model : {"llama-3.1-8b", "qwen2.5-vl-7b", "qwen3-30b-a3b", "bigmac-b"}) {
    const Job job = job_of(model, 24, R"(, "batch": {"global": 48})");
    const PlanSpace space = enumerate_plans(job);
    ASSERT_FALSE(space.plans.empty()) << model;
    std::int64_t experts = 0;
    for (const Layer& layer : job.model->llm.layers) experts = layer.experts ? layer.experts->count : experts;
    for (const ParallelPlan& plan : space.plans) {
      expect_runnable(job, plan);
      expect_heads_fit(job.model->llm, plan.tp);
      for (const Module& encoder : job.model->encoders) expect_heads_fit(encoder, plan.encoder_tp);
      for (const Module& generator : job.model->generators) expect_heads_fit(generator, plan.generator_tp);
      EXPECT_EQ(experts > 0 ? experts % plan.ep : plan.ep - 1, 0);
    }
    EXPECT_EQ(std::set<ParallelPlan>(space.plans.begin(), space.plans.end()).size(), space.plans.size());
  }
}

TEST(PlanSpace, is_the_same_list_every_time) {
  const Job job = job_of("qwen3-vl-30b-a3b", 16, R"(, "batch": {"global": 32})");
  EXPECT_EQ(enumerate_plans(job).plans, enumerate_plans(job).plans);
}

TEST(PlanSpace, keeps_to_the_degrees_that_a_job_fixes) {
  const Job job = job_of("qwen3-vl-30b-a3b", 32,
                         R"(, "batch": {"global": 64, "micro": 2}, "parallel": {"tp": 2, "pp": 4, "vpp": 2, "dp": 4,
                            "cp": 1, "ep": 4, "encoder_tp": 1, "shard_sides": true, "recompute": "selective"})");
  const PlanSpace space = enumerate_plans(job);
  ASSERT_EQ(space.plans.size(), 1u);
  ParallelPlan expected;
  expected.tp = 2, expected.pp = 4, expected.vpp = 2, expected.dp = 4, expected.ep = 4;
  expected.micro_batch = 2, expected.recompute = Recompute::selective, expected.shard_sides = true;
  EXPECT_EQ(space.plans[0], expected);
  EXPECT_TRUE(space.excluded.empty());
}

TEST(PlanSpace, fixes_one_degree_and_searches_the_others) {
  const PlanSpace space =
      enumerate_plans(job_of("llama-3.1-8b", 8, R"(, "batch": {"global": 8}, "parallel": {"pp": 2})"));
  std::set<int> tp, dp;
  for (const ParallelPlan& plan : space.plans) {
    EXPECT_EQ(plan.pp, 2);
    tp.insert(plan.tp);
    dp.insert(plan.dp);
  }
  EXPECT_EQ(tp, (std::set<int>{1, 2, 4}));
  EXPECT_EQ(dp, (std::set<int>{4, 2, 1}));
}

// 28 heads and 4 key-value heads: of 1, 2, 4, 8 only 8 does not divide the heads; for tp 8 there is pp = 1 on 8 GPUs.
TEST(PlanSpace, says_that_tp_does_not_divide_the_heads) {
  const PlanSpace space = enumerate_plans(job_of("qwen2.5-vl-7b", 8, R"(, "batch": {"global": 8})"));
  EXPECT_EQ(excluded(space, "tp does not divide the heads of llm"), 1);
  for (const ParallelPlan& plan : space.plans) EXPECT_LT(plan.tp, 8);
}

// 8 GPUs, tp 3: pp of 1, 2, 4, 8 each leave 3 x pp GPUs that do not divide 8.
TEST(PlanSpace, counts_what_does_not_divide_the_gpus) {
  const PlanSpace space = plans_with_tp(3, 8);
  EXPECT_TRUE(space.plans.empty());
  EXPECT_EQ(space.excluded, (std::map<std::string, std::int64_t>{{"tp x cp x pp does not divide the GPUs", 4}}));
}

// 32 heads and 8 key-value heads, tp 6 on 12 GPUs: pp 1 and 2 are left, and 6 does not divide 32. pp 3, 4, 6 and 12 do
// not fit 12 GPUs.
TEST(PlanSpace, gives_the_first_reason_only) {
  const PlanSpace space = plans_with_tp(6, 12);
  EXPECT_EQ(space.excluded, (std::map<std::string, std::int64_t>{{"tp x cp x pp does not divide the GPUs", 4},
                                                                 {"tp does not divide the heads of llm", 2}}));
}

// 8 GPUs, everything fixed but dp = 8 of a batch of 12: 12 is not a multiple of 8.
TEST(PlanSpace, says_that_the_batch_does_not_divide) {
  const PlanSpace space = enumerate_plans(
      job_of("llama-3.1-8b", 8, R"(, "batch": {"global": 12, "micro": 1}, "parallel": {"tp": 1, "pp": 1})"));
  EXPECT_TRUE(space.plans.empty());
  EXPECT_EQ(excluded(space, "the global batch does not divide into dp x micro"), 1);
}

// tp 1, pp 4, dp 2 and 10 samples a batch: 5 microbatches, which 4 does not divide; orders do not ask for that. 34
// layers (32, embedding, head): of 9 values of vpp 10 and 12 would need 40 and 48 stages.
TEST(PlanSpace, interleaves_any_number_of_microbatches) {
  const Job job =
      job_of("llama-3.1-8b", 8,
             R"(, "batch": {"global": 10, "micro": 1}, "parallel": {"tp": 1, "pp": 4, "recompute": "none"})");
  EXPECT_EQ(enumerate_plans(job).plans.size(), 1u);  // usual axes leave it out
  const PlanSpace space = enumerate_plans(job, Axes::all);
  ASSERT_EQ(space.plans.size(), 7u);
  for (std::size_t i = 0; i < space.plans.size(); ++i)
    EXPECT_EQ(space.plans[i].vpp, (std::vector<int>{1, 2, 3, 4, 5, 6, 8})[i]);
  EXPECT_EQ(excluded(space, "more stages than layers"), 2);
}

// 2^21 samples: as single ones over dp = 1 more than 2^20 microbatches, in pairs not.
TEST(PlanSpace, leaves_out_more_microbatches_than_a_pipeline_takes) {
  const auto space_of = [](const char* micro) {
    return enumerate_plans(job_of("llama-3.1-8b", 8,
                                  R"(, "batch": {"global": 2097152, "micro": )" + std::string(micro) +
                                      R"(}, "parallel": {"tp": 1, "pp": 8, "recompute": "full"})"));
  };
  EXPECT_TRUE(space_of("1").plans.empty());
  EXPECT_EQ(excluded(space_of("1"), "more microbatches than a pipeline takes"), 1);
  EXPECT_FALSE(space_of("2").plans.empty());
}

// 128 experts; a stage of 8 GPUs at pp 1: ep 1, 2, 4, 8. A dense model has ep 1 only.
TEST(PlanSpace, tries_every_ep_that_a_stage_allows) {
  const char* members = R"(, "batch": {"global": 8, "micro": 1}, "parallel": {"tp": 1, "pp": 1, "recompute": "none"})";
  std::set<int> found;
  for (const ParallelPlan& plan : enumerate_plans(job_of("qwen3-30b-a3b", 8, members)).plans) found.insert(plan.ep);
  EXPECT_EQ(found, (std::set<int>{1, 2, 4, 8}));
  for (const ParallelPlan& plan : enumerate_plans(job_of("llama-3.1-8b", 8, members)).plans) EXPECT_EQ(plan.ep, 1);
}

TEST(PlanSpace, refuses_expert_parallelism_without_experts) {
  const PlanSpace space =
      enumerate_plans(job_of("llama-3.1-8b", 8, R"(, "batch": {"global": 8}, "parallel": {"ep": 2})"));
  EXPECT_TRUE(space.plans.empty());
  EXPECT_GT(excluded(space, "ep does not divide the experts"), 0);
}

TEST(PlanSpace, keeps_tp_within_a_node) {
  const PlanSpace space = plans_with_tp(16, 16);
  EXPECT_TRUE(space.plans.empty());
  EXPECT_EQ(excluded(space, "tp is larger than a node"), 1);
}

TEST(PlanSpace, tries_context_parallelism_for_long_sequences_only) {
  const auto has_context = [](int sequence) {
    const Job job =
        full_job("llama-3.1-8b", "h100-80g", 8,
                 R"(, "data": {"sequence_length": )" + std::to_string(sequence) + R"(}, "batch": {"global": 8})");
    const auto plans = enumerate_plans(job).plans;
    return std::any_of(plans.begin(), plans.end(), [](const ParallelPlan& plan) { return plan.cp > 1; });
  };
  EXPECT_FALSE(has_context(32'767));
  EXPECT_TRUE(has_context(32'768));
}

// 6 bytes a parameter above a tenth of 80 GB are 1.4 B parameters: the 0.7 B tower of Qwen2.5-VL is not, a 20 B
// generator is.
TEST(PlanSpace, shards_heavy_encoders_and_generators_both_ways) {
  // A node of 8 GPUs holds one copy under tp 8: there is nothing to share.
  const auto counts = [](const char* model) {
    std::ptrdiff_t sharded = 0, shareable = 0;
    for (const ParallelPlan& plan : enumerate_plans(job_of(model, 16, R"(, "batch": {"global": 16})")).plans) {
      sharded += plan.shard_sides ? 1 : 0;
      shareable += std::max(plan.encoder_tp, plan.generator_tp) < 8 ? 1 : 0;
    }
    return std::pair(sharded, shareable);
  };
  EXPECT_EQ(counts("qwen2.5-vl-7b").first, 0);
  const auto [sharded, shareable] = counts("bigmac-b");
  EXPECT_GT(sharded, 0);
  EXPECT_EQ(2 * sharded, shareable);
}

// An encoder of 22 B parameters is heavy on 80 GB at any tp inside a node: whole, and a stage for each rank; where the
// job states pp, in any number of stages that divides it. A tower of 0.7 B stays whole.
TEST(PlanSpace, cuts_heavy_encoders_into_stages) {
  const auto stages = [](const char* model, const std::string& members, Axes axes) {
    std::set<std::pair<int, int>> out;  // pp, encoder_pp
    for (const ParallelPlan& plan : enumerate_plans(job_of(model, 64, members), axes).plans)
      out.insert({plan.pp, plan.encoder_pp});
    return out;
  };
  const std::string batch = R"(, "batch": {"global": 64, "micro": 1})", stated = batch + R"(, "parallel": {"pp": 8})";
  for (const auto& [pp, own] : stages("vit-22b+gpt-175b", batch, Axes::usual))
    EXPECT_TRUE(own == 1 || (own == pp && pp <= 16)) << pp << " " << own;
  const std::set<std::pair<int, int>> all = {{8, 1}, {8, 2}, {8, 4}, {8, 8}};
  EXPECT_EQ(stages("vit-22b+gpt-175b", stated, Axes::usual), all);
  EXPECT_EQ(stages("qwen2.5-vl-7b", stated, Axes::all), (std::set<std::pair<int, int>>{{8, 1}}));
}

std::set<std::string> recomputes(const Job& job, Axes axes = Axes::all) {
  std::set<std::string> out;
  for (const ParallelPlan& plan : enumerate_plans(job, axes).plans)
    out.insert(std::string(name(plan.recompute)) + "/" + name(plan.recompute_of_encoders()));
  return out;
}

// Flash attention leaves selective recompute nothing to spare; partial recompute needs a limit to be fitted to.
TEST(PlanSpace, tries_what_encoders_run_again_apart_from_the_llm) {
  const char* members = R"(, "batch": {"global": 8, "micro": 1}, "parallel": {"tp": 1, "pp": 2, "vpp": 1})";
  Job job = job_of("qwen2.5-vl-7b", 8, members);
  EXPECT_EQ(recomputes(job),
            (std::set<std::string>{"none/none", "none/full", "mlp/none", "mlp/full", "full/none", "full/full"}));
  EXPECT_EQ(recomputes(job, Axes::usual), (std::set<std::string>{"none/none", "full/full"}));
  job.memory_limit = Bytes{70'000'000'000};
  EXPECT_EQ(recomputes(job).count("partial/none") + recomputes(job).count("partial/full"), 2u);
  job.training.flash_attention = false;
  EXPECT_EQ(recomputes(job).count("selective/none"), 1u);
  job.parallel.recompute = "full";  // fixed for all modules
  EXPECT_EQ(recomputes(job), std::set<std::string>{"full/full"});
  job.parallel.encoder_recompute = "none";
  EXPECT_EQ(recomputes(job), std::set<std::string>{"full/none"});
}

// 12 bytes a parameter of optimizer state: 8 B parameters over tp x pp = 2 are 48 GB, over 16 6 GB, less than a tenth
// of 80 GB. At dp = 1 there is nothing to shard.
TEST(PlanSpace, tries_a_whole_optimizer_where_it_is_light) {
  const auto whole = [](int gpus, const std::string& parallel) {
    int count = 0;
    for (const ParallelPlan& plan :
         enumerate_plans(
             job_of("llama-3.1-8b", gpus,
                    R"(, "batch": {"global": 16, "micro": 1}, "parallel": {"vpp": 1, "recompute": "none", )" +
                        parallel + "}"),
             Axes::all)
             .plans)
      count += plan.shard_optimizer ? 0 : 1;
    return count;
  };
  EXPECT_EQ(whole(32, R"("tp": 2, "pp": 1)"), 0);
  EXPECT_EQ(whole(32, R"("tp": 4, "pp": 4)"), 1);
  EXPECT_EQ(whole(16, R"("tp": 4, "pp": 4)"), 0);
  EXPECT_EQ(whole(32, R"("tp": 2, "pp": 1, "shard_optimizer": false)"), 1);
}

TEST(PlanSpace, refuses_a_job_without_a_model) {
  const Job abstract = load_job(BIGMAC_SOURCE_DIR "/configs/jobs/abstract/worked-example.json");
  EXPECT_THROW(enumerate_plans(abstract), Error);
}

TEST(PlanSpace, refuses_a_model_without_a_language_model) {
  EXPECT_THROW(enumerate_plans(job_of("vit-3b", 8, R"(, "batch": {"global": 8})")), Error);
}

}  // namespace
}  // namespace bigmac::test
