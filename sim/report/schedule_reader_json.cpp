#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/report/schedule_file.h"
#include "bigmac/schedule/rides.h"

namespace bigmac {
namespace {

constexpr std::int64_t kMaxTime = std::int64_t{1} << 60;
constexpr std::int64_t kMaxParts = 65'535;

OpKind read_kind(const JsonReader& op) {
  const std::string text = op.at("op").string();
  const auto at = std::string("FBIWR").find(text);
  if (text.size() != 1 || at == std::string::npos)
    op.at("op").fail(unknown_name("operation", text, {"F", "B", "I", "W", "R"}));
  return static_cast<OpKind>(at);
}

ModuleId read_module(const JsonReader& op, const Pipeline& pipeline) {
  const std::string name = op.at("module").string();
  std::vector<std::string> known;
  for (std::size_t m = 0; m < pipeline.modules.size(); ++m) {
    known.push_back(pipeline.modules.items[m].name);
    if (known.back() == name) return ModuleId{static_cast<std::uint8_t>(m)};
  }
  op.at("module").fail(unknown_name("module", name, known));
}

StageId read_stage(const JsonReader& op, const Pipeline& pipeline, std::uint32_t rank, ModuleId module) {
  const std::uint32_t stages = pipeline.modules[module].stages;
  if (module != kLlm)
    return StageId{static_cast<std::uint16_t>(stages > 1 ? op.at("stage").integer(0, stages - 1) : 0)};
  if (const auto stage = op.find("stage"))
    return StageId{static_cast<std::uint16_t>(stage->integer(0, pipeline.stages() - 1))};
  return StageId{static_cast<std::uint16_t>(op.at("chunk").integer(0, pipeline.chunks - 1) * pipeline.ranks + rank)};
}

Op read_op(const JsonReader& reader, const Pipeline& pipeline, std::uint32_t rank) {
  Op op;
  op.kind = read_kind(reader);
  op.module = read_module(reader, pipeline);
  op.stage = read_stage(reader, pipeline, rank, op.module);
  op.microbatch =
      MicrobatchId{static_cast<std::uint32_t>(reader.at("microbatch").integer(0, pipeline.microbatches - 1))};
  if (reader.has("part") || reader.has("parts")) {
    op.parts = static_cast<std::uint16_t>(reader.at("parts").integer(1, kMaxParts));
    op.part = static_cast<std::uint16_t>(reader.at("part").integer(0, op.parts - 1));
  }
  return op;
}

void read_rides(const JsonReader& host, const Op& op, const Pipeline& pipeline, Schedule& schedule) {
  const auto rides = host.find("rides");
  if (!rides) return;
  for (const JsonReader& ride : rides->items()) {
    const Op guest = read_op(ride, pipeline, 0);
    const auto kernels = static_cast<std::uint32_t>(ride.at("kernels").integer(1, UINT32_MAX));
    schedule.rides.push_back({op, guest, kernels, ride.boolean_or("at_ends", false)});
  }
}

std::optional<OpTimes> read_times(const JsonReader& op) {
  const auto start = op.find("start_ns"), end = op.find("end_ns");
  if (!start || !end) return std::nullopt;
  return OpTimes{Nanoseconds{start->integer(0, kMaxTime)}, Nanoseconds{end->integer(0, kMaxTime)}};
}

void read_ranks(const JsonReader& root, ReadSchedule& read) {
  const Pipeline& pipeline = read.file.pipeline;
  const auto entries = root.at("ranks").items();
  if (entries.size() != pipeline.ranks)
    root.at("ranks").fail(
        fmt::format("expected {} ranks, as in /pipeline/ranks, found {}", pipeline.ranks, entries.size()));
  std::vector<const JsonReader*> by_rank(pipeline.ranks, nullptr);
  for (const JsonReader& entry : entries) {
    const auto rank = static_cast<std::size_t>(entry.at("rank").integer(0, pipeline.ranks - 1));
    if (by_rank[rank] != nullptr) entry.at("rank").fail(fmt::format("rank {} is listed twice", rank));
    by_rank[rank] = &entry;
  }
  Schedule& schedule = read.file.schedule;
  schedule.first.push_back(0);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank) {
    for (const JsonReader& op : by_rank[rank]->at("ops").items()) {
      schedule.ops.push_back(read_op(op, pipeline, rank));
      read_rides(op, schedule.ops.back(), pipeline, schedule);
      read.stated.ops.push_back(read_times(op));
    }
    schedule.first.push_back(static_cast<std::uint32_t>(schedule.ops.size()));
  }
}

void read_names(const JsonReader& root, ReadSchedule& read) {
  const auto named = root.find("schedule");
  if (!named) return;
  Schedule& schedule = read.file.schedule;
  schedule.name = named->string_or("name", "");
  schedule.base = named->string_or("base", "");
  if (const auto parameters = named->find("parameters"))
    for (const auto& [name, value] : parameters->members())
      if (value.raw().is_number_integer()) schedule.parameters[name] = value.integer(INT64_MIN / 2, INT64_MAX / 2);
  if (const auto notes = named->find("notes"))
    for (const JsonReader& text : notes->items()) schedule.notes.push_back(text.string());
  const auto order = named->find("microbatch_order");
  if (!order) return;
  std::vector<bool> seen(read.file.pipeline.microbatches, false);
  for (const JsonReader& item : order->items()) {
    const std::int64_t m = item.integer(0, read.file.pipeline.microbatches - 1);
    if (seen[static_cast<std::size_t>(m)]) item.fail(fmt::format("microbatch {} comes twice", m));
    seen[static_cast<std::size_t>(m)] = true;
    schedule.microbatch_order.push_back(MicrobatchId{static_cast<std::uint32_t>(m)});
  }
  if (schedule.microbatch_order.size() != seen.size())
    order->fail(fmt::format("expected all {} microbatches once", seen.size()));
}

void read_result(const JsonReader& root, ReadSchedule& read) {
  StatedResult& stated = read.stated;
  stated.peak_activation.resize(read.file.pipeline.ranks);
  stated.memory_total.resize(read.file.pipeline.ranks);
  const auto result = root.find("result");
  if (!result) return;
  if (const auto iteration = result->find("iteration_ns"))
    stated.iteration = Nanoseconds{iteration->integer(0, kMaxTime)};
  const auto ranks = result->find("ranks");
  if (!ranks) return;
  for (const JsonReader& entry : ranks->items()) {
    const auto rank = static_cast<std::size_t>(entry.at("rank").integer(0, read.file.pipeline.ranks - 1));
    if (const auto peak = entry.find("peak_activation_bytes"))
      stated.peak_activation[rank] = Bytes{peak->integer(0, INT64_MAX)};
    if (const auto memory = entry.find("memory"))
      stated.memory_total[rank] = Bytes{memory->at("total_bytes").integer(0, INT64_MAX)};
  }
}

// Shape of a file without a job: modules by the names its operations use.
Pipeline shape_of_file(const JsonReader& root) {
  std::vector<std::string> encoders, generators;
  for (const JsonReader& rank : root.at("ranks").items())
    for (const JsonReader& op : rank.at("ops").items()) {
      const std::string name = op.at("module").string();
      if (name == "llm") continue;
      auto& role = name.starts_with("generator") ? generators : encoders;
      if (std::find(role.begin(), role.end(), name) != role.end()) continue;
      if (!name.starts_with("generator") && !name.starts_with("encoder"))
        op.at("module").fail(unknown_name("module", name, {"llm", "encoder", "generator"}) +
                             " (the file holds no job to say more)");
      role.push_back(name);
    }
  const JsonReader shape = root.at("pipeline");
  return make_pipeline(shape.at("ranks").integer(1, kMaxRanks), shape.integer_or("chunks", 1, 1, kMaxChunks),
                       shape.at("microbatches").integer(1, kMaxMicrobatches), encoders, generators, shape.where());
}

// A rank runs one operation at a time, in the order listed; all of them together stay below 2^60 ns.
void refuse_impossible_times(const JsonReader& root, const ReadSchedule& read) {
  std::int64_t sum = 0;
  for (std::uint32_t rank = 0; rank < read.file.pipeline.ranks; ++rank) {
    Nanoseconds free_at{0};
    for (std::uint32_t i = read.file.schedule.first[rank]; i < read.file.schedule.first[rank + 1]; ++i) {
      const std::string name = to_string(read.file.pipeline, read.file.schedule.ops[i]);
      if (!read.stated.ops[i])
        root.fail("the file holds no job with costs, and " + name + " does not state start_ns and end_ns");
      const OpTimes times = *read.stated.ops[i];
      if (times.end < times.start) root.fail(name + " ends before it starts");
      if (times.start < free_at) root.fail(name + " starts before the operation listed before it ends");
      free_at = times.end;
      sum += (times.end - times.start).value;
      if (sum > kMaxTime) root.fail("the operations take longer than 2^60 ns together");
    }
  }
}

void cost_by_stated_times(const JsonReader& root, ReadSchedule& read) {
  const Pipeline& pipeline = read.file.pipeline;
  refuse_impossible_times(root, read);
  CostTable& costs = read.file.costs;
  costs = make_cost_table(pipeline, std::vector<bool>(pipeline.modules.size(), true));
  for (std::size_t i = 0; i < read.stated.ops.size(); ++i) {
    const OpTimes times = *read.stated.ops[i];
    costs.duration[costs.slot(read.file.schedule.ops[i])] += times.end - times.start;
  }
  read.notes.push_back("the file holds no job: operations last as long as it states, transfers and memory are unknown");
  read.stated = {};
  read.stated.ops.resize(read.file.schedule.ops.size());
  read.stated.peak_activation.resize(pipeline.ranks);
  read.stated.memory_total.resize(pipeline.ranks);
}

void refuse_other_shape(const JsonReader& root, const Pipeline& pipeline) {
  const JsonReader shape = root.at("pipeline");
  const std::array<std::pair<const char*, std::uint32_t>, 3> sizes = {
      {{"ranks", pipeline.ranks}, {"chunks", pipeline.chunks}, {"microbatches", pipeline.microbatches}}};
  for (const auto& [key, expected] : sizes)
    if (const std::int64_t found = shape.integer_or(key, 1, 1, kMaxMicrobatches); found != expected)
      shape.at(key).fail(fmt::format("is {}, but /job/pipeline/{} is {}", found, key, expected));
}

}  // namespace

ReadSchedule parse_schedule(const std::string& text, const std::string& file) {
  const Json document = parse_json(text, file);
  const JsonReader root(document, file);
  const std::string schema = root.at("schema").string();
  if (schema != "bigmac.schedule/1")
    root.at("schema").fail(fmt::format("expected 'bigmac.schedule/1', found '{}'", schema.substr(0, 64)));
  ReadSchedule read;
  const auto job = root.find("job");
  const bool stated_costs = job && job->has("costs_ns");
  if (stated_costs) {
    Json listed = job->raw();
    listed.erase("costs_before_rides_ns");
    read.file.job = parse_job(listed.dump(), file + ": /job");
    read.file.pipeline = read.file.job.abstract->pipeline;
    if (job->has("costs_before_rides_ns"))
      read.file.before_rides =
          cost_table_from(read.file.pipeline, parse_job(job->raw().dump(), file + ": /job").abstract->costs);
    read.file.costs = cost_table_from(read.file.pipeline, read.file.job.abstract->costs);
    refuse_other_shape(root, read.file.pipeline);
    read.stated.memory_limit = read.file.job.memory_limit;
  } else {
    read.file.pipeline = shape_of_file(root);
  }
  read_names(root, read);
  read_ranks(root, read);
  read_result(root, read);
  if (!stated_costs) cost_by_stated_times(root, read);
  return read;
}

namespace {

std::optional<std::string> compare_times(const ReadSchedule& read, const Outcome& outcome) {
  for (std::size_t i = 0; i < read.stated.ops.size(); ++i) {
    if (!read.stated.ops[i]) continue;
    const OpTimes ours = op_times(outcome.graph, outcome.slots, outcome.timing, i);
    const OpTimes theirs = *read.stated.ops[i];
    if (ours.start != theirs.start || ours.end != theirs.end)
      return fmt::format("{} is stated from {} to {} ns, its order and costs give {} to {}",
                         to_string(read.file.pipeline, read.file.schedule.ops[i]), theirs.start.value, theirs.end.value,
                         ours.start.value, ours.end.value);
  }
  if (read.stated.iteration && *read.stated.iteration != outcome.iteration)
    return fmt::format("iteration_ns is stated as {}, order and costs give {}", read.stated.iteration->value,
                       outcome.iteration.value);
  return std::nullopt;
}

std::optional<std::string> compare_memory(const ReadSchedule& read, const Outcome& outcome) {
  for (std::uint32_t rank = 0; rank < read.file.pipeline.ranks; ++rank) {
    const auto& peak = read.stated.peak_activation[rank];
    if (peak && *peak != outcome.ranks[rank].peak)
      return fmt::format("peak_activation_bytes of rank {} is stated as {}, order and costs give {}", rank, peak->value,
                         outcome.ranks[rank].peak.value);
    const auto& total = read.stated.memory_total[rank];
    if (total && *total < outcome.ranks[rank].peak)
      return fmt::format("memory of rank {} is stated as {}, its activations alone are {}", rank, total->value,
                         outcome.ranks[rank].peak.value);
    if (total && read.stated.memory_limit && *total > *read.stated.memory_limit)
      return fmt::format("rank {} needs {} bytes, more than the job's limit of {}", rank, total->value,
                         read.stated.memory_limit->value);
  }
  return std::nullopt;
}

std::optional<std::string> compare_rides(const ReadSchedule& read) {
  const ScheduleFile& file = read.file;
  if (file.schedule.rides.empty()) return std::nullopt;
  if (!file.before_rides) return "kernels ride, and the job does not state costs_before_rides_ns";
  if (auto bad = find_bad_ride(file.pipeline, *file.before_rides, file.schedule)) return bad;
  const CostTable expected = costs_as_run(file.pipeline, *file.before_rides, file.schedule.rides);
  for (const Op& op : file.schedule.ops)
    if (expected.duration[expected.slot(op)] != file.costs.duration[file.costs.slot(op)])
      return fmt::format("{} costs {} ns before rides and {} ns beside them, and the job states {}",
                         to_string(file.pipeline, op), file.before_rides->duration[file.before_rides->slot(op)].value,
                         expected.duration[expected.slot(op)].value, file.costs.duration[file.costs.slot(op)].value);
  return std::nullopt;
}

}  // namespace

std::optional<std::string> find_disagreement(const ReadSchedule& read, const Outcome& outcome) {
  if (auto rides = compare_rides(read)) return rides;
  if (auto times = compare_times(read, outcome)) return times;
  return compare_memory(read, outcome);
}

}  // namespace bigmac
