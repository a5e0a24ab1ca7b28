// "pipeline" and "costs_ns" of a job: numbers, arrays per stage, arrays per microbatch.
#include "abstract_job.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace bigmac {
namespace {

using Notes = std::vector<std::string>;

/// In a schedule file whose encoders ride: the job's costs, where "costs_ns" are those that operations are listed with.
constexpr const char* kBeforeRides = "costs_before_rides_ns";

std::int64_t read_amount(const JsonReader& value, std::int64_t most) {
  return static_cast<std::int64_t>(std::llround(value.number(0, static_cast<double>(most))));
}

CostSeries read_microbatches(const JsonReader& value, const Pipeline& pipeline, std::int64_t most) {
  if (!value.raw().is_array()) return {1, 1, {read_amount(value, most)}};
  const auto items = value.items();
  if (items.size() != pipeline.microbatches)
    value.fail(fmt::format("expected one number, or an array of {} (one per microbatch), found {} entries",
                           pipeline.microbatches, items.size()));
  CostSeries series{1, pipeline.microbatches, {}};
  for (const JsonReader& item : items) series.values.push_back(read_amount(item, most));
  return series;
}

CostSeries read_stages(const JsonReader& value, const Pipeline& pipeline, std::uint32_t stages, std::int64_t most) {
  if (!value.raw().is_array()) return {1, 1, {read_amount(value, most)}};
  const auto items = value.items();
  if (items.size() != stages)
    value.fail(
        fmt::format("expected one number, or an array of {} (one per stage), found {} entries", stages, items.size()));
  std::vector<CostSeries> rows;
  std::uint32_t width = 1;
  for (const JsonReader& item : items) {
    rows.push_back(read_microbatches(item, pipeline, most));
    width = std::max(width, rows.back().microbatches);
  }
  CostSeries series{stages, width, {}};
  series.values.reserve(std::size_t{stages} * width);
  for (const CostSeries& row : rows)
    for (std::uint32_t m = 0; m < width; ++m) series.values.push_back(row.at(0, m));
  return series;
}

// By stage for the LLM and for an encoder that is cut into stages, else by microbatch.
CostSeries read_series(const JsonReader& module, const char* key, const Pipeline& pipeline, const ModuleShape& shape,
                       std::int64_t most) {
  const auto value = module.find(key);
  if (!value) return {};
  if (shape.role == Role::llm || shape.stages > 1) return read_stages(*value, pipeline, shape.stages, most);
  return read_microbatches(*value, pipeline, most);
}

constexpr std::int64_t kMostKernels = 1'000'000;

// "F_rides": {"count", "length", ...}: as LLM waits or encoder kernels (schedule/rides.h).
GivenRides read_rides(const JsonReader& module, const char* key, const ModuleShape& shape, const Pipeline& pipeline,
                      Notes& notes) {
  const auto rides = module.find(key);
  if (!rides) return {};
  if (shape.role == Role::generator) rides->fail("generators do not ride; expected it of the LLM and of encoders");
  rides->note_unknown({"count", "length", "end_count", "end_length", "per_wait", "communication"}, notes);
  rides->at("count");
  rides->at("length");
  GivenRides out;
  out.count = read_series(*rides, "count", pipeline, shape, kMostKernels);
  out.length = read_series(*rides, "length", pipeline, shape, kMaxCost.value);
  out.end_count = read_series(*rides, "end_count", pipeline, shape, kMostKernels);
  out.end_length = read_series(*rides, "end_length", pipeline, shape, kMaxCost.value);
  out.per_wait = read_series(*rides, "per_wait", pipeline, shape, kMostKernels);
  out.communication = read_series(*rides, "communication", pipeline, shape, kMaxCost.value);
  return out;
}

// Waits lie inside the pass, and so does a kernel, or the communication.
void refuse_long_rides(const JsonReader& module, const char* key, const GivenRides& rides, const CostSeries& cost,
                       const Pipeline& pipeline, const ModuleShape& shape) {
  if (rides.count.absent()) return;
  const bool llm = shape.role == Role::llm;
  const auto value = [](const CostSeries& series, std::uint32_t stage, std::uint32_t m) {
    return series.absent() ? 0.0 : static_cast<double>(series.at(stage, m));
  };
  for (std::uint32_t stage = 0; stage < shape.stages; ++stage)
    for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) {
      const double whole = value(cost, stage, m), count = value(rides.count, stage, m);
      const double length = value(rides.length, stage, m);
      const double waits = count * length + value(rides.end_count, stage, m) * value(rides.end_length, stage, m);
      if (llm && waits > whole)
        module.at(key).fail(fmt::format("waits of {} ns are longer than the pass of {} ns", waits, whole));
      if (!llm && count > 0 && (length > whole || value(rides.communication, stage, m) > whole))
        module.at(key).fail(fmt::format("a kernel, or the communication, is longer than the pass of {} ns", whole));
    }
}

// Every sum a schedule can form stays below 2^62: the dearest pass, as often as there are operations.
void refuse_overflow(const JsonReader& module, const Pipeline& pipeline, const CostSeries& series, const char* key) {
  if (series.absent()) return;
  const std::int64_t most = *std::max_element(series.values.begin(), series.values.end());
  if (most > (std::int64_t{1} << 60) / std::max<std::int64_t>(1, pipeline.operations()))
    module.at(key).fail(
        fmt::format("{} over {} operations exceeds 2^60; use smaller costs", most, pipeline.operations()));
}

GivenModuleCosts read_module(const JsonReader& costs, const ModuleShape& shape, const Pipeline& pipeline,
                             Notes& notes) {
  const JsonReader module = costs.at(shape.name.c_str());
  module.note_unknown({"F", "B", "I", "W", "R", "activation_bytes", "transfer", "F_rides", "B_rides"}, notes);
  GivenModuleCosts given;
  given.name = shape.name;
  const auto read = [&](const char* key, std::int64_t most) {
    CostSeries series = read_series(module, key, pipeline, shape, most);
    refuse_overflow(module, pipeline, series, key);
    return series;
  };
  module.at("F");
  module.at("B");
  given.forward = read("F", kMaxCost.value);
  given.backward = read("B", kMaxCost.value);
  given.input_gradient = read("I", kMaxCost.value);
  given.weight_gradient = read("W", kMaxCost.value);
  given.recompute = read("R", kMaxCost.value);
  given.transfer = read("transfer", kMaxCost.value);
  given.activation_bytes = read("activation_bytes", kMaxBytes.value);
  given.forward_rides = read_rides(module, "F_rides", shape, pipeline, notes);
  given.backward_rides = read_rides(module, "B_rides", shape, pipeline, notes);
  refuse_long_rides(module, "F_rides", given.forward_rides, given.forward, pipeline, shape);
  refuse_long_rides(module, "B_rides", given.backward_rides, given.backward, pipeline, shape);
  return given;
}

// Modules besides the LLM: by the name "encoder" or "generator", or by a stated role.
Role role_of(const JsonReader& root, const std::string& name, const JsonReader& costs) {
  if (const auto modules = root.find("modules"))
    if (const auto module = modules->find(name.c_str()); module && module->has("role")) {
      const std::string role = module->at("role").string();
      if (role == "encoder") return Role::encoder;
      if (role == "generator") return Role::generator;
      module->at("role").fail(unknown_name("role", role, {"encoder", "generator"}));
    }
  if (name.starts_with("encoder")) return Role::encoder;
  if (name.starts_with("generator")) return Role::generator;
  costs.fail(unknown_name("module", name, {"llm", "encoder", "generator"}) +
             "; other names need a role: \"modules\": {\"NAME\": {\"role\": \"encoder\"}}");
}

// "modules": {"encoder": {"frozen": true}}: forward only.
bool is_frozen(const JsonReader& root, const std::string& name) {
  const auto modules = root.find("modules");
  const auto module = modules ? modules->find(name.c_str()) : std::nullopt;
  if (!module || !module->boolean_or("frozen", false)) return false;
  if (name == "llm" || module->string_or("role", name).starts_with("generator"))
    module->at("frozen").fail(
        "only an encoder runs without a backward: others pass gradients on; give them W = 0 instead");
  return true;
}

// "modules": {"encoder": {"stages": 2}}: one encoder over two ranks.
std::uint32_t stages_of(const JsonReader& root, const ModuleShape& module, std::uint32_t ranks) {
  const auto modules = root.find("modules");
  const auto entry = modules ? modules->find(module.name.c_str()) : std::nullopt;
  if (!entry || !entry->has("stages")) return module.stages;
  if (module.role != Role::encoder) entry->at("stages").fail("only encoders are cut into stages beside the LLM");
  return static_cast<std::uint32_t>(entry->at("stages").integer(1, ranks));
}

// The LLM's are by stage, also where there is one; others' by microbatch.
Json series_json(const CostSeries& series, bool by_stage) {
  if (series.values.size() == 1) return series.values[0];
  if (!by_stage) return series.values;
  Json stages = Json::array();
  for (std::uint32_t stage = 0; stage < series.stages; ++stage) {
    const auto begin = series.values.begin() + std::int64_t{stage} * series.microbatches;
    const std::vector<std::int64_t> row(begin, begin + series.microbatches);
    const bool same = std::all_of(row.begin(), row.end(), [&](std::int64_t v) { return v == row[0]; });
    stages.push_back(same ? Json(row[0]) : Json(row));
  }
  return stages;
}

Json rides_json(const GivenRides& rides, bool by_stage) {
  Json out = {{"count", series_json(rides.count, by_stage)}, {"length", series_json(rides.length, by_stage)}};
  const auto add = [&](const char* key, const CostSeries& series) {
    const auto none = [](std::int64_t v) { return v == 0; };
    if (!std::all_of(series.values.begin(), series.values.end(), none)) out[key] = series_json(series, by_stage);
  };
  add("end_count", rides.end_count);
  add("end_length", rides.end_length);
  if (std::any_of(rides.per_wait.values.begin(), rides.per_wait.values.end(), [](std::int64_t v) { return v > 0; }))
    out["per_wait"] = series_json(rides.per_wait, by_stage);
  add("communication", rides.communication);
  return out;
}

}  // namespace

AbstractJob read_abstract_job(const JsonReader& root, Notes& notes) {
  const JsonReader shape = root.at("pipeline");
  shape.note_unknown({"ranks", "chunks", "microbatches"}, notes);
  const JsonReader costs = root.at(root.has(kBeforeRides) ? kBeforeRides : "costs_ns");
  std::vector<std::string> encoders, generators;
  for (const auto& [name, reader] : costs.members()) {
    if (name == "llm") continue;
    (role_of(root, name, costs) == Role::encoder ? encoders : generators).push_back(name);
  }
  AbstractJob job;
  job.pipeline =
      make_pipeline(shape.at("ranks").integer(1, kMaxRanks), shape.integer_or("chunks", 1, 1, kMaxChunks),
                    shape.at("microbatches").integer(1, kMaxMicrobatches), encoders, generators, shape.where());
  for (ModuleShape& module : job.pipeline.modules) module.backward = !is_frozen(root, module.name);
  for (ModuleShape& module : job.pipeline.modules) module.stages = stages_of(root, module, job.pipeline.ranks);
  if (job.pipeline.operations() > kMaxOperations)
    shape.fail(fmt::format("{} operations; at most {}", job.pipeline.operations(), kMaxOperations));
  for (const ModuleShape& module : job.pipeline.modules)
    job.costs.push_back(read_module(costs, module, job.pipeline, notes));
  return job;
}

std::string abstract_job_members(const Pipeline& pipeline, const GivenCosts& costs) {
  Json job;
  job["pipeline"] = {{"ranks", pipeline.ranks}, {"chunks", pipeline.chunks}, {"microbatches", pipeline.microbatches}};
  for (std::size_t m = 1; m < pipeline.modules.size(); ++m) {
    const ModuleShape& shape = pipeline.modules.items[m];
    Json& entry = job["modules"][shape.name];
    entry["role"] = shape.role == Role::encoder ? "encoder" : "generator";
    if (!shape.backward) entry["frozen"] = true;
    if (shape.stages > 1) entry["stages"] = shape.stages;
  }
  for (const GivenModuleCosts& given : costs) {
    Json& module = job["costs_ns"][given.name];
    const bool by_stage = &given == &costs.front() || pipeline.modules.items[&given - costs.data()].stages > 1;
    module["F"] = series_json(given.forward, by_stage);
    module["B"] = series_json(given.backward, by_stage);
    module["I"] = series_json(given.input_gradient, by_stage);
    module["W"] = series_json(given.weight_gradient, by_stage);
    if (!given.recompute.absent() && given.recompute.values != given.forward.values)
      module["R"] = series_json(given.recompute, by_stage);
    module["activation_bytes"] = series_json(given.activation_bytes, by_stage);
    module["transfer"] = series_json(given.transfer, by_stage);
    if (!given.forward_rides.count.absent()) module["F_rides"] = rides_json(given.forward_rides, by_stage);
    if (!given.backward_rides.count.absent()) module["B_rides"] = rides_json(given.backward_rides, by_stage);
  }
  return job.dump();
}

}  // namespace bigmac
