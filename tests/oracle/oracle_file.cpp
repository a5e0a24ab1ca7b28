#include "oracle/oracle_file.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace bigmac::oracle {
namespace {

using nlohmann::json;

std::int64_t whole_number(const json& value, const std::string& what) {
  if (!value.is_number()) throw Problem(what + " is no number");
  const double size = value.get<double>();
  if (!(size >= 0 && size <= 1e15)) throw Problem(what + " is not between 0 and 1e15");
  return value.is_number_float() ? std::llround(size) : value.get<std::int64_t>();
}

int count(const json& object, const char* key, std::int64_t low, std::int64_t high) {
  if (!object.is_object() || !object.contains(key)) throw Problem(std::string("'") + key + "' is missing");
  const json& value = object.at(key);
  if (!value.is_number_integer()) throw Problem(std::string("'") + key + "' is no integer");
  const auto number = value.get<std::int64_t>();
  if (number < low || number > high) throw Problem(std::string("'") + key + "' is out of range");
  return static_cast<int>(number);
}

const json& element(const json& array, int index, int expected, const std::string& what) {
  if (array.size() != static_cast<std::size_t>(expected))
    throw Problem(what + " has " + std::to_string(array.size()) + " entries, not " + std::to_string(expected));
  return array.at(static_cast<std::size_t>(index));
}

std::string role_of(const json& job, const std::string& module) {
  if (job.contains("modules") && job.at("modules").contains(module))
    return job.at("modules").at(module).at("role").get<std::string>();
  return module;  // the names "encoder" and "generator" are roles
}

Job read_job(const json& file) {
  if (!file.contains("job")) throw Problem("'job' is missing");
  const json& source = file.at("job");
  Job job;
  const json& pipeline = source.contains("pipeline") ? source.at("pipeline") : file.at("pipeline");
  job.ranks = count(pipeline, "ranks", 1, 100000);
  job.chunks = count(pipeline, "chunks", 1, 1000);
  job.microbatches = count(pipeline, "microbatches", 0, 1000000);
  job.costs = source.at("costs_ns");
  if (!job.costs.contains("llm")) throw Problem("the job has no costs for llm");
  for (const auto& entry : job.costs.items()) {
    const std::string role = role_of(source, entry.key());
    if (entry.key() == "llm") continue;
    if (role == "encoder") job.encoders.push_back(entry.key());
    else if (role == "generator") job.generators.push_back(entry.key());
    else throw Problem("module '" + entry.key() + "' is neither encoder nor generator");
    if (source.contains("modules") && source.at("modules").contains(entry.key()) &&
        source.at("modules").at(entry.key()).contains("stages"))
      job.encoder_stages[entry.key()] = count(source.at("modules").at(entry.key()), "stages", 1, job.ranks);
  }
  return job;
}

int stage_of(const Job& job, const json& source, int rank) {
  if (source.contains("stage")) return count(source, "stage", 0, job.stages() - 1);
  const int chunk = count(source, "chunk", 0, job.chunks - 1);
  const int stage = chunk * job.ranks + rank;
  if (stage >= job.stages()) throw Problem("rank " + std::to_string(rank) + " has no stage of chunk*ranks+rank");
  return stage;
}

Op read_op(const Job& job, const json& source, int rank) {
  Op op;
  op.rank = rank;
  const auto kind = source.at("op").get<std::string>();
  if (kind.size() != 1 || std::string("FBIWR").find(kind) == std::string::npos)
    throw Problem("unknown op '" + kind + "'");
  op.work.op = kind[0];
  op.work.module = source.at("module").get<std::string>();
  if (!job.costs.contains(op.work.module)) throw Problem("unknown module '" + op.work.module + "'");
  op.work.microbatch = count(source, "microbatch", 0, job.microbatches - 1);
  if (op.work.module == "llm") op.work.stage = stage_of(job, source, rank);
  else if (job.stages_of(op.work.module) > 1)
    op.work.stage = count(source, "stage", 0, job.stages_of(op.work.module) - 1);
  if (source.contains("parts")) op.parts = count(source, "parts", 1, 1000000);
  if (source.contains("part")) op.part = count(source, "part", 0, op.parts - 1);
  if (op.parts > 1 && !source.contains("part")) throw Problem("'parts' without 'part'");
  if (op.parts > 1 && op.work.module == "llm") throw Problem("an llm operation is cut into parts");
  return op;
}

}  // namespace

std::string name(const Work& work) {
  const std::string stage = work.module == "llm" ? " stage " + std::to_string(work.stage) : "";
  return std::string(1, work.op) + " of " + work.module + stage + " microbatch " + std::to_string(work.microbatch);
}

// A number for all, or for the LLM (and an encoder of several stages) an array with one entry per stage; that entry,
// and the value of an encoder or a generator, may again be an array with one number per microbatch.
std::optional<std::int64_t> Job::number(const Work& work, const std::string& key) const {
  const json& module = costs.at(work.module);
  if (!module.contains(key)) return std::nullopt;
  const std::string what = "costs_ns of " + work.module + ", " + key;
  const json* value = &module.at(key);
  const bool by_stage = work.module == "llm" || stages_of(work.module) > 1;
  if (by_stage && value->is_array()) value = &element(*value, work.stage, stages_of(work.module), what);
  if (value->is_array()) value = &element(*value, work.microbatch, microbatches, what);
  return whole_number(*value, what);
}

std::int64_t Job::duration(const Work& work) const {
  const auto forward = number(work, "F");
  const auto backward = number(work, "B");
  if (!forward || !backward) throw Problem("costs_ns of " + work.module + " lacks F or B");
  switch (work.op) {
    case 'F': return *forward;
    case 'B': return *backward;
    case 'I': return number(work, "I").value_or(*backward / 2);
    case 'W': return number(work, "W").value_or(*backward - *backward / 2);
    default: return number(work, "R").value_or(*forward);  // recomputing is running forward once more
  }
}

File read_file(const std::string& schedule_json) {
  const json source = json::parse(schedule_json);
  if (source.at("schema") != "bigmac.schedule/1") throw Problem("schema is not bigmac.schedule/1");
  File file;
  file.job = read_job(source);
  const json& ranks = source.at("ranks");
  file.ranks.resize(ranks.size());
  std::vector<bool> seen(ranks.size(), false);
  for (const json& entry : ranks) {
    const int rank = count(entry, "rank", 0, static_cast<std::int64_t>(ranks.size()) - 1);
    const auto index = static_cast<std::size_t>(rank);
    if (seen[index]) throw Problem("rank " + std::to_string(rank) + " appears twice");
    seen[index] = true;
    for (const json& op : entry.at("ops")) file.ranks[index].push_back(read_op(file.job, op, rank));
  }
  return file;
}

}  // namespace bigmac::oracle
