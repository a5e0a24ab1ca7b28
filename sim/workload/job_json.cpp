// A job file, schema bigmac.job/1: the full form, the abstract form, or both.
//
//   {"schema": "bigmac.job/1", "name": ..., "source": ...,
//    "model": "path" or {...}, "cluster": "path" or {...}, "gpus": 128,
//    "data": {...}, "batch": {"global": 512, "micro": 1},
//    "costs": "path" or {...},                          measured layers, schema bigmac.costs/1
//    "parallel": {"tp": 2, "pp": 4, ..., "encoder_tp": 1, "encoder_pp": 1, "shard_sides": false, "recompute":
//    "selective"}, "training": {"distributed_optimizer": true, "sequence_parallel": true, "overlap_gradients": true,
//                 "freeze_encoder": false},
//    "search": {"seed": 7},                             draws the data anew
//    "limits": {"memory_bytes": 80000000000}}
#include <filesystem>

#include <fmt/format.h>

#include "abstract_job.h"
#include "bigmac/workload/data_json.h"
#include "bigmac/workload/job.h"
#include "bigmac/workload/model_json.h"
#include "bigmac/workload/parallel_plan.h"
#include "fixed_degrees_json.h"

namespace bigmac {
namespace {

constexpr const char* kSchema = "bigmac.job/1";
constexpr std::int64_t kMaxGpus = 1 << 20;
constexpr std::int64_t kMaxBatch = 1 << 30;

std::string beside(const std::string& file, const std::string& path) {
  return (std::filesystem::path(file).parent_path() / path).lexically_normal().string();
}

/// A path becomes the document it names; `file` then names that document in messages.
Json take_document(const JsonReader& value, std::string& file) {
  file = value.file();
  if (!value.raw().is_string()) return value.raw();
  file = beside(value.file(), value.string());
  return parse_json(read_text_file(file), file);
}

void read_model_and_cluster(const JsonReader& root, Json& resolved, Job& job) {
  std::string file;
  const Json model = take_document(root.at("model"), file);
  const JsonReader model_reader(model, file, root.at("model").raw().is_string() ? "" : "/model");
  job.model = read_model(model_reader, job.notes);
  resolved["model"] = inline_model_references(model_reader);
  const JsonReader given = root.at("cluster");
  const Json cluster = take_document(given, file);
  job.cluster = parse_cluster(cluster.dump(), given.raw().is_string() ? file : file + ": /cluster");
  resolved["cluster"] = cluster;
  job.cluster->gpus = static_cast<int>(root.integer_or("gpus", job.cluster->gpus, 1, kMaxGpus));
  if (job.cluster->gpus < 1) root.fail("'gpus' is missing: how many GPUs the job uses");
}

void read_measured(const JsonReader& root, Json& resolved, Job& job) {
  const auto costs = root.find("costs");
  if (!costs) return;
  std::string file;
  const Json document = take_document(*costs, file);
  job.measured = parse_measured_costs(document.dump(), file);
  resolved["costs"] = document;
  job.notes.push_back(fmt::format("costs: {} measured entries ({}); other layers, tp degrees and memory are analytic",
                                  job.measured->entries.size(), job.measured->source));
}

void read_search(const JsonReader& root, Job& job) {
  const auto search = root.find("search");
  if (!search) return;
  search->note_unknown({"seed"}, job.notes);
  if (const auto seed = search->find("seed")) {
    job.seed = static_cast<std::uint64_t>(seed->integer(0, INT64_MAX));
    reseed(job.data, *job.seed);
  }
}

void read_batch(const JsonReader& root, Job& job) {
  const JsonReader batch = root.at("batch");
  batch.note_unknown({"global", "micro"}, job.notes);
  job.batch.global = batch.at("global").integer(1, kMaxBatch);
  if (const auto micro = batch.find("micro")) job.batch.micro = micro->integer(1, job.batch.global);
}

void read_parallel(const JsonReader& root, Job& job) {
  const auto parallel = root.find("parallel");
  if (!parallel) return;
  const std::pair<const char*, std::optional<int>*> degrees[] = {{"tp", &job.parallel.tp},
                                                                 {"cp", &job.parallel.cp},
                                                                 {"pp", &job.parallel.pp},
                                                                 {"vpp", &job.parallel.vpp},
                                                                 {"dp", &job.parallel.dp},
                                                                 {"ep", &job.parallel.ep},
                                                                 {"encoder_tp", &job.parallel.encoder_tp},
                                                                 {"encoder_pp", &job.parallel.encoder_pp},
                                                                 {"generator_tp", &job.parallel.generator_tp}};
  std::vector<std::string> known;
  for (const auto& [key, degree] : degrees) {
    known.emplace_back(key);
    if (const auto value = parallel->find(key)) *degree = static_cast<int>(value->integer(1, kMaxGpus));
  }
  for (const auto& [key, shard] : {std::pair{"shard_sides", &job.parallel.shard_sides},
                                   std::pair{"shard_optimizer", &job.parallel.shard_optimizer}}) {
    known.emplace_back(key);
    if (const auto value = parallel->find(key)) *shard = value->boolean();
  }
  for (const auto& [key, recompute] : {std::pair{"recompute", &job.parallel.recompute},
                                       std::pair{"encoder_recompute", &job.parallel.encoder_recompute},
                                       std::pair{"generator_recompute", &job.parallel.generator_recompute}}) {
    known.emplace_back(key);
    const auto value = parallel->find(key);
    if (!value) continue;
    *recompute = value->string();
    const std::vector<std::string> choices = recompute_names();
    if (std::find(choices.begin(), choices.end(), **recompute) == choices.end())
      value->fail(unknown_name(key, **recompute, choices));
  }
  parallel->note_unknown(known, job.notes);
}

void read_training(const JsonReader& root, Job& job) {
  const auto training = root.find("training");
  if (!training) return;
  Training& t = job.training;
  if (const auto sharded = training->find("distributed_optimizer")) {
    t.distributed_optimizer = sharded->boolean();
    job.parallel.shard_optimizer = job.parallel.shard_optimizer.value_or(t.distributed_optimizer);
  }
  t.sequence_parallel = training->boolean_or("sequence_parallel", t.sequence_parallel);
  t.overlap_gradients = training->boolean_or("overlap_gradients", t.overlap_gradients);
  t.freeze_encoder = training->boolean_or("freeze_encoder", t.freeze_encoder);
  t.freeze_llm = training->boolean_or("freeze_llm", t.freeze_llm);
  t.freeze_generator = training->boolean_or("freeze_generator", t.freeze_generator);
  t.train_projector = training->boolean_or("train_projector", t.train_projector);
  t.flash_attention = training->boolean_or("flash_attention", t.flash_attention);
  t.dropout = training->boolean_or("dropout", t.dropout);
  t.fp32_gradients = training->boolean_or("fp32_gradients", t.fp32_gradients);
  t.overlap_transfers = training->boolean_or("overlap_transfers", t.overlap_transfers);
  t.synchronize_transfers = training->boolean_or("synchronize_transfers", t.synchronize_transfers);
  t.overlap_tensor = training->boolean_or("overlap_tensor", t.overlap_tensor);
  t.dispatch_once = training->boolean_or("dispatch_once", t.dispatch_once);
  t.scatter_transfers = training->boolean_or("scatter_transfers", t.scatter_transfers);
  t.even_stages = training->boolean_or("even_stages", t.even_stages);
  if (const auto layers = training->find("stage_layers"))
    for (const JsonReader& count : layers->items()) t.stage_layers.push_back(count.integer(0, kMaxBatch));
  training->note_unknown(
      {"distributed_optimizer", "sequence_parallel", "overlap_gradients", "freeze_encoder", "freeze_llm",
       "freeze_generator", "train_projector", "flash_attention", "dropout", "fp32_gradients", "overlap_transfers",
       "synchronize_transfers", "overlap_tensor", "dispatch_once", "scatter_transfers", "even_stages", "stage_layers"},
      job.notes);
}

void read_full_form(const JsonReader& root, Json& resolved, Job& job) {
  read_model_and_cluster(root, resolved, job);
  read_measured(root, resolved, job);
  job.data = read_data(root.at("data"), job.notes);
  read_search(root, job);
  read_batch(root, job);
  read_parallel(root, job);
  check_fixed_degrees(root, job);
  read_training(root, job);
  if (const auto limits = root.find("limits")) {
    limits->note_unknown({"memory_bytes"}, job.notes);
    if (const auto memory = limits->find("memory_bytes")) job.memory_limit = Bytes{memory->integer(1, kMaxBytes.value)};
  }
}

}  // namespace

Job parse_job(const std::string& text, const std::string& file) {
  const Json document = parse_json(text, file);
  const JsonReader root(document, file);
  const std::string schema = root.at("schema").string();
  if (schema != kSchema)
    root.at("schema").fail(fmt::format("expected '{}', found '{}'", kSchema, schema.substr(0, 64)));
  Job job;
  job.name = root.string_or("name", std::filesystem::path(file).stem().string());
  job.source = root.string_or("source", "");
  Json resolved = document;
  const bool abstract = root.has("pipeline") || root.has("costs_ns");
  if (abstract) job.abstract = read_abstract_job(root, job.notes);
  if (root.has("model") || root.has("cluster")) read_full_form(root, resolved, job);
  else if (!abstract)
    root.fail("expected 'model' and 'cluster' (full form), or 'pipeline' and 'costs_ns' (abstract form)");
  root.note_unknown(
      {"schema", "name", "source", "comment", "model", "cluster", "gpus", "data", "batch", "parallel", "training",
       "costs", "limits", "search", "pipeline", "modules", "costs_ns", "costs_before_rides_ns"},
      job.notes);
  job.resolved = resolved.dump();
  return job;
}

Job load_job(const std::string& path) { return parse_job(read_text_file(path), path); }

}  // namespace bigmac
