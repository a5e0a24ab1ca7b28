#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/planner/outputs.h"
#include "bigmac/report/tables.h"

namespace bigmac {
namespace {

Json rounded(double value) { return Json::parse(fmt::format("{:.6f}", value)); }

std::string full_name(const Evaluation& e) {
  return e.base.empty() ? e.schedule_label() : e.schedule_label() + " over " + e.base;
}

Json plan_json(const Evaluation& e) {
  const ParallelPlan& p = e.plan;
  Json out = {{"schedule", e.schedule}};
  if (!e.base.empty()) out["base"] = e.base;
  out["parameters"] = e.parameters;
  out["parallel"] = {{"tp", p.tp},
                     {"cp", p.cp},
                     {"pp", p.pp},
                     {"vpp", p.vpp},
                     {"dp", p.dp},
                     {"ep", p.ep},
                     {"encoder_tp", p.encoder_tp},
                     {"encoder_pp", p.encoder_pp},
                     {"generator_tp", p.generator_tp},
                     {"shard_sides", p.shard_sides},
                     {"micro_batch", p.micro_batch},
                     {"recompute", name(p.recompute)},
                     {"encoder_recompute", name(p.recompute_of_encoders())},
                     {"generator_recompute", name(p.recompute_of_generators())},
                     {"shard_optimizer", p.shard_optimizer}};
  out["microbatches"] = e.microbatches;
  out["step_ns"] = e.step.value;
  out["iteration_ns"] = e.iteration.value;
  out["memory_bytes"] = e.memory.value;
  out["mfu"] = rounded(e.mfu);
  out["bubble_fraction"] = rounded(e.bubble);
  return out;
}

Json plans_json(const std::vector<Evaluation>& plans) {
  Json out = Json::array();
  for (const Evaluation& e : plans) out.push_back(plan_json(e));
  return out;
}

Json proof_json(const SearchResult& result) {
  return {{"proven_ns", result.proven.value}, {"floor_ns", result.floor.value}};
}

Json counts_json(const SearchCounts& c) {
  Json excluded = Json::object();
  for (const auto& [reason, count] : c.excluded) excluded[reason] = count;
  return {{"candidates", c.candidates},     {"repeated", c.repeated}, {"pruned_memory", c.pruned_memory},
          {"pruned_bound", c.pruned_bound}, {"refused", c.refused},   {"simulated", c.simulated},
          {"over_memory", c.over_memory},   {"left", c.left},         {"excluded", excluded}};
}

PlanRow row_of(const Evaluation& e) {
  return {e.label(), full_name(e), e.step, e.memory, e.mfu, e.bubble, e.bound_by, {}};
}

std::string model_fact(const Model& model) {
  std::string text =
      fmt::format("model {}: LLM {:.2f} B parameters", model.name, 1e-9 * static_cast<double>(parameters(model.llm)));
  for (const Module& m : model.encoders)
    text += fmt::format(", {} {:.2f} B", m.name, 1e-9 * static_cast<double>(parameters(m)));
  for (const Module& m : model.generators)
    text += fmt::format(", {} {:.2f} B", m.name, 1e-9 * static_cast<double>(parameters(m)));
  return text;
}

}  // namespace

std::string ranking_table(const std::vector<Evaluation>& best) {
  std::string out = fmt::format("{:>2} {:<31} {:<11} {:>9} {:>5} {:>6} {:>9}\n", "#", "plan", "schedule", "step", "MFU",
                                "bubble", "memory");
  for (std::size_t i = 0; i < best.size(); ++i) {
    const Evaluation& e = best[i];
    out += fmt::format("{:>2} {:<31} {:<11} {:>9} {:>4.1f}% {:>5.1f}% {:>9}\n", i + 1, e.label(), e.schedule_label(),
                       human_time(e.step), 100 * e.mfu, 100 * e.bubble, human_bytes(e.memory));
    if (!e.bound_by.empty()) out += fmt::format("   bound by {}\n", e.bound_by);
  }
  return out;
}

std::string counts_line(const SearchCounts& c) {
  return fmt::format(
      "{} candidates: {} the same as others, {} above the memory limit by bound, {} too slow by bound, {} refused by "
      "their schedule, {} above the memory limit once built, {} simulated, {} left when the effort was spent",
      c.candidates, c.repeated, c.pruned_memory, c.pruned_bound, c.refused, c.over_memory, c.simulated, c.left);
}

std::string proof_lines(const SearchResult& result) {
  if (result.front.empty()) return "";
  const auto above = [&](Nanoseconds least) {
    return 100 * (static_cast<double>(result.front.front().step.value) / static_cast<double>(least.value) - 1);
  };
  return fmt::format(
      "proven: no plan under any schedule searched takes less than {}; the fastest found is {:.2f} % above it\n"
      "        no order of operations of any plan that may fit takes less than {}, {:.2f} % below\n",
      human_time(result.proven), above(result.proven), human_time(result.floor),
      100 * (1 - static_cast<double>(result.floor.value) / static_cast<double>(result.front.front().step.value)));
}

std::string exclusions(const SearchCounts& counts) {
  std::vector<std::pair<std::int64_t, std::string>> rows;
  for (const auto& [reason, count] : counts.excluded) rows.emplace_back(-count, reason);
  std::sort(rows.begin(), rows.end());
  std::string out;
  for (const auto& [count, reason] : rows) out += fmt::format("  {:>7} x {}\n", -count, reason);
  return out;
}

std::string pareto_json(const Job& job, const SearchResult& result, Bytes memory_limit) {
  const Json out = {{"schema", "bigmac.pareto/1"},
                    {"job", job.name},
                    {"memory_limit_bytes", memory_limit.value},
                    {"axes", {"step_ns", "memory_bytes"}},
                    {"front", plans_json(result.front)},
                    {"proof", proof_json(result)},
                    {"counts", counts_json(result.counts)}};
  return out.dump(1) + "\n";
}

namespace {

// "name=value" pairs, separated by semicolons.
std::string settings(const Evaluation& e) {
  std::string text;
  for (const auto& [name, value] : e.parameters) text += fmt::format("{}{}={}", text.empty() ? "" : ";", name, value);
  return text;
}

}  // namespace

std::string pareto_csv(const SearchResult& result) {
  std::string out =
      "step_ns,memory_bytes,mfu,bubble_fraction,schedule,base,parameters,tp,cp,pp,vpp,dp,ep,encoder_tp,"
      "generator_tp,shard_sides,micro_batch,recompute,microbatches,encoder_recompute,generator_recompute,"
      "shard_optimizer,encoder_pp\n";
  for (const Evaluation& e : result.front) {
    const ParallelPlan& p = e.plan;
    const int sharded = p.shard_sides ? 1 : 0;
    out += fmt::format("{},{},{:.6f},{:.6f},{},{},{},", e.step.value, e.memory.value, e.mfu, e.bubble, e.schedule,
                       e.base, settings(e));
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{},", p.tp, p.cp, p.pp, p.vpp, p.dp, p.ep, p.encoder_tp,
                       p.generator_tp, sharded, p.micro_batch, name(p.recompute), e.microbatches);
    out += fmt::format("{},{},{},{}\n", name(p.recompute_of_encoders()), name(p.recompute_of_generators()),
                       p.shard_optimizer ? 1 : 0, p.encoder_pp);
  }
  return out;
}

std::string search_json(const Job& job, const SearchResult& result, Bytes memory_limit) {
  const Json out = {{"job", job.name},
                    {"memory_limit_bytes", memory_limit.value},
                    {"best", plans_json(result.best)},
                    {"front", plans_json(result.front)},
                    {"proof", proof_json(result)},
                    {"counts", counts_json(result.counts)}};
  return out.dump(1) + "\n";
}

HtmlReport html_report(const Job& job, const SearchResult& result, const std::vector<std::string>& notes,
                       Bytes memory_limit) {
  HtmlReport report;
  report.title = job.name;
  report.facts = {model_fact(*job.model),
                  fmt::format("cluster {}: {} GPUs, {} a node, {}", job.cluster->name, job.cluster->gpus,
                              job.cluster->node.gpus, job.cluster->gpu.name),
                  fmt::format("data: {} tokens a sample; global batch {}", job.data.sequence_length, job.batch.global),
                  fmt::format("memory limit {} per GPU", human_bytes(memory_limit)), counts_line(result.counts)};
  if (!job.source.empty()) report.facts.push_back("source: " + job.source);
  report.notes = notes;
  for (const Evaluation& e : result.best) report.best.push_back(row_of(e));
  for (const Evaluation& e : result.front) report.front.push_back(row_of(e));
  return report;
}

Bytes parse_bytes(const std::string& text, const std::string& where) {
  static const std::pair<const char*, double> units[] = {
      {"", 1},      {"B", 1},        {"KB", 1e3},     {"MB", 1e6},     {"GB", 1e9},
      {"TB", 1e12}, {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30}, {"TiB", 0x1p40}};
  std::size_t used = 0;
  double number = 0;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  std::string unit = used == 0 ? "?" : text.substr(used);
  unit.erase(std::remove(unit.begin(), unit.end(), ' '), unit.end());
  for (const auto& [name, factor] : units)
    if (unit == name && number > 0 && number * factor <= static_cast<double>(kMaxBytes.value))
      return Bytes{std::llround(number * factor)};
  bad_input(where, fmt::format("expected a size such as 80GB or 75GiB, found '{}'", text.substr(0, 64)));
}

}  // namespace bigmac
