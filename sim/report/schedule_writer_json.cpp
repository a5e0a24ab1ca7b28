#include <iterator>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/report/schedule_file.h"
#include "bigmac/schedule/rides.h"

namespace bigmac {
namespace {

// Floats of a file carry 6 decimals.
Json rounded(double value) { return Json::parse(fmt::format("{:.6f}", value)); }

Json header(const ScheduleFile& file) {
  const Schedule& schedule = file.schedule;
  Json named = {{"name", schedule.name}};
  if (!schedule.base.empty()) named["base"] = schedule.base;
  named["parameters"] = Json::object();
  for (const auto& [name, value] : schedule.parameters) named["parameters"][name] = value;
  if (!schedule.microbatch_order.empty())
    for (const MicrobatchId m : schedule.microbatch_order) named["microbatch_order"].push_back(m.value);
  if (!schedule.notes.empty()) named["notes"] = schedule.notes;
  Json out;
  out["schema"] = "bigmac.schedule/1";
  out["generator"] = {{"name", file.generator_name}, {"version", kVersion}};
  out["schedule"] = named;
  out["pipeline"] = {
      {"ranks", file.pipeline.ranks}, {"chunks", file.pipeline.chunks}, {"microbatches", file.pipeline.microbatches}};
  return out;
}

bool default_placement(const Pipeline& pipeline, const Schedule& schedule) {
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    for (const Op& op : schedule.rank_ops(RankId{rank}))
      if (op.module == kLlm && op.stage.value % pipeline.ranks != rank) return false;
  return true;
}

// The rides of an LLM operation; they stand in the order of their hosts.
void append_rides(const ScheduleFile& file, const Op& host, std::size_t& next, std::string& out) {
  auto to = std::back_inserter(out);
  const std::vector<Ride>& rides = file.schedule.rides;
  const char* before = ", \"rides\": [";
  for (; next < rides.size() && rides[next].host == host; ++next, before = ", ") {
    const Op& guest = rides[next].guest;
    const ModuleShape& module = file.pipeline.modules[guest.module];
    fmt::format_to(to, "{}{{\"op\": \"{}\", \"module\": {}, {}\"microbatch\": {}, \"kernels\": {}{}}}", before,
                   letter(guest.kind), Json(module.name).dump(),
                   module.stages > 1 ? fmt::format("\"stage\": {}, ", guest.stage.value) : "", guest.microbatch.value,
                   rides[next].kernels, rides[next].at_ends ? ", \"at_ends\": true" : "");
  }
  if (*before == ',' && before[2] == '\0') out += "]";
}

void append_op(const ScheduleFile& file, const Op& op, OpTimes times, bool with_stage, std::size_t& next_ride,
               std::string& out) {
  auto to = std::back_inserter(out);
  fmt::format_to(to, "    {{\"op\": \"{}\", \"module\": {}", letter(op.kind),
                 Json(file.pipeline.modules[op.module].name).dump());
  if (op.module == kLlm) fmt::format_to(to, ", \"chunk\": {}", op.stage.value / file.pipeline.ranks);
  if (op.module != kLlm && file.pipeline.modules[op.module].stages > 1)
    fmt::format_to(to, ", \"stage\": {}", op.stage.value);
  if (op.module == kLlm && with_stage) fmt::format_to(to, ", \"stage\": {}", op.stage.value);
  fmt::format_to(to, ", \"microbatch\": {}", op.microbatch.value);
  if (op.parts > 1) fmt::format_to(to, ", \"part\": {}, \"parts\": {}", op.part, op.parts);
  append_rides(file, op, next_ride, out);
  fmt::format_to(to, ", \"start_ns\": {}, \"end_ns\": {}}}", times.start.value, times.end.value);
}

void append_ranks(const ScheduleFile& file, const Outcome& outcome, std::string& out) {
  const Schedule& schedule = file.schedule;
  const bool with_stage = !default_placement(file.pipeline, schedule);
  std::size_t next_ride = 0;
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank) {
    out += fmt::format("{}  {{\"rank\": {}, \"ops\": [", rank == 0 ? "" : ",\n", rank);
    for (std::uint32_t i = schedule.first[rank]; i < schedule.first[rank + 1]; ++i) {
      out += i == schedule.first[rank] ? "\n" : ",\n";
      append_op(file, schedule.ops[i], op_times(outcome.graph, outcome.slots, outcome.timing, i), with_stage, next_ride,
                out);
    }
    out += "]}";
  }
}

Json memory_json(const RankMemory& memory) {
  return {{"weights_bytes", memory.weights.value},     {"gradients_bytes", memory.gradients.value},
          {"optimizer_bytes", memory.optimizer.value}, {"activations_bytes", memory.activations.value},
          {"buffers_bytes", memory.buffers.value},     {"total_bytes", memory.total().value}};
}

Json rank_json(const ScheduleFile& file, const Outcome& outcome, std::uint32_t rank) {
  const RankActivations& r = outcome.ranks[rank];
  const auto live = [&](Role role) { return r.live[static_cast<std::size_t>(role)]; };
  Json out = {{"rank", rank}, {"busy_ns", r.busy.value}, {"peak_activation_bytes", r.peak.value}};
  Json& counts = out["live_microbatches"];
  if (!file.pipeline.encoders.empty()) counts["encoder"] = live(Role::encoder);
  if (!file.pipeline.generators.empty()) counts["generator"] = live(Role::generator);
  counts["llm_chunks"] = live(Role::llm);
  if (!file.schedule.rank_ops(RankId{rank}).empty())
    out["peak_at"] = to_string(file.pipeline, file.schedule.ops[r.peak_op]);
  if (file.plan) out["memory"] = memory_json(file.plan->memory[rank]);
  return out;
}

Json result_json(const ScheduleFile& file, const Outcome& outcome) {
  Json out = {{"iteration_ns", outcome.iteration.value},
              {"lower_bound_ns", outcome.lower_bound.value},
              {"bubble_fraction", rounded(outcome.bubble_fraction)}};
  if (file.plan) {
    out["step_ns"] = file.plan->step.value;
    out["outside_pipeline_ns"] = Json::parse(file.plan->outside);
    if (!file.plan->cost_origins.empty()) out["cost_origins"] = Json::parse(file.plan->cost_origins);
    out["mfu"] = rounded(file.plan->mfu);
  }
  for (std::uint32_t rank = 0; rank < file.pipeline.ranks; ++rank)
    out["ranks"].push_back(rank_json(file, outcome, rank));
  return out;
}

// The resolved job with the stated pipeline and costs in it.
Json job_json(const ScheduleFile& file) {
  Json job = Json::parse(file.job.resolved.empty() ? R"({"schema": "bigmac.job/1"})" : file.job.resolved);
  const Json abstract = Json::parse(abstract_job_members(file.pipeline, given_costs_from(file.pipeline, file.costs)));
  // What modules are is said always, so that a reader need not know our names. Costs a user stated stay as written; a
  // plan's replace what a planned job stated before.
  if (abstract.contains("modules")) job["modules"] = abstract["modules"];
  if (job.contains("costs_ns") && !file.plan && !file.before_rides) return job;
  // What was asked for beside the file: the plan repeats with it.
  if (file.job.memory_limit) job["limits"]["memory_bytes"] = file.job.memory_limit->value;
  if (file.job.seed) job["search"]["seed"] = *file.job.seed;
  for (const char* key : {"pipeline", "modules", "costs_ns", "costs_before_rides_ns"}) job.erase(key);
  for (const auto& [key, value] : abstract.items()) job[key] = value;
  if (file.before_rides)
    job["costs_before_rides_ns"] = Json::parse(
        abstract_job_members(file.pipeline, given_costs_from(file.pipeline, *file.before_rides)))["costs_ns"];
  return job;
}

std::string member(const char* key, const Json& value) { return fmt::format(",\n\"{}\": {}", key, value.dump()); }

}  // namespace

void ScheduleFile::take_costs(const CostTable& job_costs) {
  before_rides.reset();
  if (!schedule.rides.empty()) before_rides = job_costs;
  costs = costs_as_run(pipeline, job_costs, schedule.rides);
}

std::string schedule_file_text(const ScheduleFile& file, const Outcome& outcome) {
  std::string out = "{";
  const Json head = header(file);
  for (const auto& [key, value] : head.items())
    out += fmt::format("{}\n\"{}\": {}", out == "{" ? "" : ",", key, value.dump());
  if (file.plan) {
    out += member("parallel", Json::parse(file.plan->parallel));
    out += member("partition", Json::parse(file.plan->partition));
  }
  out += ",\n\"ranks\": [\n";
  append_ranks(file, outcome, out);
  out += "]";
  out += member("result", result_json(file, outcome));
  out += member("job", job_json(file));
  return out + "\n}\n";
}

}  // namespace bigmac
