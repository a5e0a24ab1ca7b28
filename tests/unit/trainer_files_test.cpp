// What trainers load: written from a plan, read back strictly, and refused where it is not what the grammar says.
#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/trainer_files.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

struct Written {
  PlanFile plan;
  LayerKinds kinds;
};

// Qwen2.5-VL-7B: 28 layers on 4 stages of 2 ranks, tp 2, dp 2.
std::string plan_text(const char* schedule) {
  const Job job = full_job("qwen2.5-vl-7b", "h100-80g", 8,
                           R"(, "data": {"sequence_length": 4096, "images_per_sample": 2, "image_tokens": 500},
      "batch": {"global": 16, "micro": 1})");
  ParallelPlan degrees;
  degrees.tp = 2, degrees.pp = 2, degrees.vpp = 2, degrees.dp = 2, degrees.recompute = Recompute::full;
  Evaluation chosen;
  chosen.plan = plan_under(job, degrees, {schedule, "", {}}), chosen.schedule = schedule;
  const DetailedPlan plan = work_out(job, ProfileCache(job, {degrees}, 1).costs(chosen.plan), chosen);
  return schedule_file_text(plan.file, plan.outcome);
}

Written written(const char* schedule) {
  const std::string text = plan_text(schedule);
  return {read_plan_file(text, "plan.json"), read_layer_kinds(text, "plan.json")};
}

TEST(PlanFile, gives_back_the_degrees_it_was_written_with) {
  const ParallelPlan plan = written("bigmac").plan.plan;
  EXPECT_EQ(plan.tp, 2);
  EXPECT_EQ(plan.pp, 2);
  EXPECT_EQ(plan.vpp, 2);
  EXPECT_EQ(plan.dp, 2);
  EXPECT_EQ(plan.micro_batch, 1);
  EXPECT_EQ(plan.recompute, Recompute::full);
}

// A plan whose layers stand in one list, with another word for how they were cut.
PlanFile with_list_cut(const char* how) {
  std::string text = plan_text("balanced");
  const std::string by_time = "\"by time\"";
  text.replace(text.find(by_time), by_time.size(), std::string("\"") + how + "\"");
  return read_plan_file(text, "plan.json");
}

TEST(PlanFile, says_how_a_list_of_layers_was_cut) {
  EXPECT_EQ(with_list_cut("by time").plan.one_list, OneList::by_time);
  EXPECT_EQ(with_list_cut("by FLOPs").plan.one_list, OneList::by_flops);
}

TEST(PlanFile, refuses_an_unknown_way_to_cut_a_list) {
  try {
    with_list_cut("by flops");
    FAIL() << "was read";
  } catch (const Error& error) {
    const std::string message = error.what();
    for (const char* part : {"plan.json: /parallel/one_list", "'by flops'", "by time", "by FLOPs"})
      EXPECT_NE(message.find(part), std::string::npos) << part << " in " << message;
  }
}

// Each stage of a plan may state few layers and all of them too many; or a kind that no model has.
TEST(PlanFile, refuses_layers_that_no_model_has) {
  const std::string kinds = R"({"schema": "bigmac.schedule/1", "partition": {"llm": [
      {"kinds": {"embedding": 1, "transformer": 60000}}, {"kinds": {"KIND": 60000, "head": 1}}]}})";
  const auto message = [&](const std::string& kind) -> std::string {
    std::string text = kinds;
    text.replace(text.find("KIND"), 4, kind);
    try {
      read_layer_kinds(text, "plan.json");
    } catch (const Error& error) {
      return error.what();
    }
    return "was read";
  };
  EXPECT_NE(message("transformer").find("/partition/llm/1/kinds/transformer: the stages hold more than 100000 layers"),
            std::string::npos)
      << message("transformer");
  EXPECT_NE(message("transformers").find("did you mean 'transformer'"), std::string::npos) << message("transformers");
}

TEST(MegatronArguments, state_degrees_layout_and_what_they_cannot_carry) {
  const Written given = written("bigmac");
  const Export out = megatron_arguments(given.plan, given.kinds);
  const auto read = parse_arguments(out.text, "test");
  EXPECT_EQ(read.at("tensor-model-parallel-size"), "2");
  EXPECT_EQ(read.at("pipeline-model-parallel-size"), "2");
  EXPECT_EQ(read.at("global-batch-size"), "16");
  EXPECT_EQ(read.at("recompute-granularity"), "full");
  EXPECT_EQ(read.count("sequence-parallel"), 1u);
  const auto stages = parse_megatron_layout(read.at("pipeline-model-parallel-layout"), "test");
  ASSERT_EQ(stages.size(), 4u);
  std::string all;
  for (const std::string& stage : stages) all += stage;
  EXPECT_EQ(all, "E" + std::string(28, 't') + "L");
  ASSERT_GE(out.dropped.size(), 3u);
  EXPECT_EQ(out.dropped[0].rfind("the order of bigmac", 0), 0u);
}

TEST(TorchtitanConfiguration, states_degrees_and_the_parts_of_every_stage) {
  const Written given = written("hybrid");
  const Export out = torchtitan_configuration(given.plan, given.kinds);
  const auto read = parse_configuration(out.text, "test");
  EXPECT_EQ(read.at("training.local_batch_size"), "8");
  EXPECT_EQ(read.at("parallelism.pipeline_parallel_schedule"), "\"Interleaved1F1B\"");
  EXPECT_EQ(read.at("parallelism.data_parallel_shard_degree"), "2");
  EXPECT_EQ(read.at("activation_checkpoint.mode"), "\"full\"");
  const std::string parts = read.at("parallelism.module_fqns_per_model_part");
  EXPECT_EQ(parts.rfind(R"([["tok_embeddings", "layers.0")", 0), 0u);
  EXPECT_NE(parts.find(R"("layers.27", "norm", "output"]])"), std::string::npos);
  EXPECT_FALSE(out.dropped.empty());
}

TEST(MegatronLayout, writes_repetitions_out) {
  EXPECT_EQ(parse_megatron_layout("Et*3|(tt|)*2,m|L", "test"),
            (std::vector<std::string>{"Ettt", "tt", "tt", "m", "L"}));
  EXPECT_EQ(parse_megatron_layout("EtL", "test"), (std::vector<std::string>{"EtL"}));
}

TEST(MegatronLayout, refuses_what_the_grammar_does_not_know) {
  for (const char* wrong : {"", "tL", "Et", "EtLt", "EEtL", "Et*0L", "Et*L", "E(t)L", "E(t(t)*2)*2L", "E(tL", "Et)L",
                            "Et*3x|L", "ext", "Et|*2L", "Et*99999999L", "E(t*999999)*999999L", " EtL"})
    EXPECT_THROW(parse_megatron_layout(wrong, "test"), Error) << wrong;
}

TEST(TrainerFiles, are_read_strictly) {
  for (const char* wrong : {"tp 2\n", "--tp 2\n--tp 3\n", "--tp 2 3\n", "--tp \n", "--Tp 2\n", "--\n", "--tp 'a\n"})
    EXPECT_THROW(parse_arguments(wrong, "test"), Error) << wrong;
  for (const char* wrong :
       {"a = 1\n", "[A]\n", "[a]\nb=1\n", "[a]\nb = x\n", "[a]\nb = 1\nb = 2\n", "[a]\nb = [\"c\"\n",
        "[a]\nb = \"c\" \"d\"\n", "[a]\nb = [[[\"c\"]]]\n", "[a]\nb = 1 # c\n", "[a]\nb = []]\n"})
    EXPECT_THROW(parse_configuration(wrong, "test"), Error) << wrong;
}

}  // namespace
}  // namespace bigmac::test
