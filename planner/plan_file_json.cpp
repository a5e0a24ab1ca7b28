// A plan.json of bigmac-plan read back as a plan.
#include "bigmac/base/json_reader.h"
#include "bigmac/planner/plan_file.h"
#include "plan_facts.h"

namespace bigmac {
namespace {

int degree(const JsonReader& reader, const char* name) {
  return static_cast<int>(reader.integer_or(name, 1, 1, kMaxRanks));
}

int tp_of(const JsonReader& parallel, const std::vector<Module>& modules) {
  return modules.empty() ? 1 : degree(parallel.at(modules.front().name.c_str()), "tp");
}

OneList one_list_of(const JsonReader& list) {
  const std::string text = list.string();
  if (text == kListByTime) return OneList::by_time;
  if (text == kListByFlops) return OneList::by_flops;
  list.fail(unknown_name("way to cut a list", text, {kListByTime, kListByFlops}));
}

ParallelPlan plan_of(const JsonReader& parallel, const Model& model) {
  const JsonReader llm = parallel.at("llm");
  ParallelPlan plan;
  plan.tp = degree(llm, "tp"), plan.cp = degree(llm, "cp"), plan.pp = degree(llm, "pp");
  plan.vpp = degree(llm, "vpp"), plan.dp = degree(llm, "dp"), plan.ep = degree(llm, "ep");
  plan.encoder_tp = tp_of(parallel, model.encoders);
  plan.generator_tp = tp_of(parallel, model.generators);
  if (!model.encoders.empty()) plan.encoder_pp = degree(parallel.at(model.encoders.front().name.c_str()), "pp");
  plan.micro_batch = parallel.integer_or("micro_batch", 1, 1, std::int64_t{1} << 22);
  plan.recompute = recompute_named(parallel.string_or("recompute", "none"));
  if (const auto own = parallel.find("encoder_recompute")) plan.encoder_recompute = recompute_named(own->string());
  if (const auto own = parallel.find("generator_recompute")) plan.generator_recompute = recompute_named(own->string());
  plan.shard_sides = parallel.boolean_or("shard_sides", false);
  if (const auto list = parallel.find("one_list")) plan.one_list = one_list_of(*list);
  plan.shard_optimizer = parallel.boolean_or("shard_optimizer", true);
  return plan;
}

std::vector<std::uint32_t> recomputed_of(const JsonReader& root) {
  std::vector<std::uint32_t> out;
  for (const JsonReader& stage : root.at("partition").at("llm").items())
    out.push_back(static_cast<std::uint32_t>(stage.at("recomputed_layers").integer(0, 1'000'000)));
  return out;
}

}  // namespace

PlanFile read_plan_file(const std::string& text, const std::string& file) {
  PlanFile out{parse_schedule(text, file), {}, {}};
  const Job& job = out.read.file.job;
  if (!job.model || !job.cluster) bad_input(file, "holds no model and cluster; expected a plan.json of bigmac-plan");
  const Json document = parse_json(text, file);
  const JsonReader parallel = JsonReader(document, file).at("parallel");
  out.plan = plan_of(parallel, *job.model);
  const Pipeline& pipeline = out.read.file.pipeline;
  if (static_cast<std::uint32_t>(out.plan.pp) != pipeline.ranks ||
      static_cast<std::uint32_t>(out.plan.vpp) != pipeline.chunks)
    parallel.fail("pp and vpp differ from the file's pipeline");
  if (out.plan.recompute == Recompute::partial) out.recomputed_layers = recomputed_of(JsonReader(document, file));
  return out;
}

}  // namespace bigmac
