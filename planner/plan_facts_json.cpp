#include <cmath>

#include "bigmac/base/json_reader.h"
#include "bigmac/planner/cost_origins.h"
#include "bigmac/schedule/residency.h"
#include "llm_slack.h"
#include "plan_facts.h"

namespace bigmac {
namespace {

Bytes rounded(double bytes) { return Bytes{std::llround(bytes)}; }

const char* kind_name(LayerKind kind) {
  switch (kind) {
    case LayerKind::embedding: return "embedding";
    case LayerKind::transformer: return "transformer";
    case LayerKind::projector: return "projector";
    case LayerKind::head: return "head";
  }
  return "";
}

Json parallel_json(const Job& job, const ParallelPlan& plan) {
  Json out;
  out["llm"] = {{"tp", plan.tp}, {"cp", plan.cp}, {"pp", plan.pp}, {"vpp", plan.vpp}, {"dp", plan.dp}, {"ep", plan.ep}};
  for (const Module& module : job.model->encoders)
    out[module.name] = {
        {"tp", plan.encoder_tp}, {"pp", plan.encoder_pp}, {"replicas_per_rank", plan.rank_gpus() / plan.encoder_tp}};
  for (const Module& module : job.model->generators)
    out[module.name] = {{"tp", plan.generator_tp}, {"replicas_per_rank", plan.rank_gpus() / plan.generator_tp}};
  out["shard_sides"] = plan.shard_sides;
  if (plan.one_list != OneList::no) out["one_list"] = plan.one_list == OneList::by_flops ? kListByFlops : kListByTime;
  out["micro_batch"] = plan.micro_batch;
  out["recompute"] = name(plan.recompute);
  if (plan.encoder_recompute) out["encoder_recompute"] = name(*plan.encoder_recompute);
  if (plan.generator_recompute) out["generator_recompute"] = name(*plan.generator_recompute);
  if (!plan.shard_optimizer) out["shard_optimizer"] = false;
  out["gpus"] = plan.gpus();
  return out;
}

/// By stage, the runs of layers of a list: {"module": "encoder", "first_layer": 0, "layers": 3}.
Json list_json(const Job& job, const StageList& listed) {
  Json stages = Json::array();
  for (const auto& runs : listed) {
    Json stage = Json::array();
    for (const ListedLayers& run : runs) {
      const Module& module = run.role == Role::llm       ? job.model->llm
                             : run.role == Role::encoder ? job.model->encoders[run.index]
                                                         : job.model->generators[run.index];
      stage.push_back({{"module", module.name}, {"first_layer", run.first}, {"layers", run.last - run.first}});
    }
    stages.push_back(stage);
  }
  return stages;
}

/// Of encoders that are cut, by stage: {"stage": 0, "first_layer": 0, "layers": 3}.
void add_encoder_stages(const Job& job, const PlanCosts& costs, Json& out) {
  for (std::size_t i = 0; i < costs.encoder_cuts.size() && costs.pipeline.encoder_stages() > 1; ++i) {
    const Partition& cut = costs.encoder_cuts[i];
    Json stages = Json::array();
    for (std::size_t s = 0; s + 1 < cut.size(); ++s)
      stages.push_back({{"stage", s}, {"first_layer", cut[s]}, {"layers", cut[s + 1] - cut[s]}});
    out[job.model->encoders[i].name] = stages;
  }
}

Json partition_json(const Job& job, const Partition& partition, const std::vector<std::uint32_t>& again) {
  Json stages = Json::array();
  for (std::size_t s = 0; s + 1 < partition.size(); ++s) {
    Json counts = Json::object();
    for (std::uint32_t i = partition[s]; i < partition[s + 1]; ++i) {
      const char* kind = kind_name(job.model->llm.layers[i].kind);
      counts[kind] = counts.value(kind, 0) + 1;
    }
    stages.push_back(
        {{"stage", s}, {"first_layer", partition[s]}, {"layers", partition[s + 1] - partition[s]}, {"kinds", counts}});
    if (!again.empty()) stages.back()["recomputed_layers"] = again[s];
  }
  return {{"llm", stages}};
}

}  // namespace

PlanFacts plan_facts(const Job& job, const PlanCosts& costs, const Evaluation& evaluation, const Schedule& schedule,
                     const Outcome& outcome) {
  PlanFacts facts;
  facts.parallel = parallel_json(job, evaluation.plan).dump();
  Json partition = partition_json(job, costs.partition, costs.again);
  if (!costs.listed.empty()) partition["list"] = list_json(job, costs.listed);
  else add_encoder_stages(job, costs, partition);
  facts.partition = partition.dump();
  const Residency where = residency(costs.pipeline, schedule);
  const OutsidePipeline outside =
      outside_pipeline(job, evaluation.plan, costs, where, llm_slack(costs.pipeline, schedule, outcome));
  facts.outside = Json{{"gradients", std::llround(1e3 * outside.gradients_us)},
                       {"parameters", std::llround(1e3 * outside.parameters_us)},
                       {"optimizer", std::llround(1e3 * outside.optimizer_us)}}
                      .dump();
  if (job.measured) facts.cost_origins = Json(cost_origin_lines(job, evaluation.plan)).dump();
  facts.step = evaluation.step;
  facts.mfu = evaluation.mfu;
  const std::vector<RankState> states = rank_states(job, evaluation.plan, costs, where);
  for (std::size_t r = 0; r < states.size(); ++r)
    facts.memory.push_back({rounded(states[r].weights), rounded(states[r].gradients), rounded(states[r].optimizer),
                            rounded(states[r].buffers), outcome.ranks[r].peak_with_transient});
  return facts;
}

}  // namespace bigmac
