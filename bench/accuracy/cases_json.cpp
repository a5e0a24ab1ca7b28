#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "cases.h"
#include "measured_csv.h"

namespace accuracy {
namespace {

using bigmac::Json;
using bigmac::JsonReader;

constexpr std::int64_t kMostTensorRanks = 1024;

// Narayanan et al. 2021 (2104.04473, section 5.1): FLOPs of a step by which GPT runs are rated; 96 with a full
// recompute counted, 72 without.
double rated_flops(const bigmac::Job& job, double factor) {
  const bigmac::Module& llm = job.model->llm;
  double layers = 0, vocabulary = 0;
  for (const bigmac::Layer& layer : llm.layers) {
    if (layer.kind == bigmac::LayerKind::transformer) ++layers;
    if (layer.kind == bigmac::LayerKind::head) vocabulary = static_cast<double>(layer.vocabulary);
  }
  const auto h = static_cast<double>(llm.width), s = static_cast<double>(job.data.sequence_length);
  return factor * static_cast<double>(job.batch.global) * s * layers * h * h *
         (1 + s / (6 * h) + vocabulary / (factor / 6 * h * layers));
}

// 6 FLOPs for each parameter that a token meets, and causal attention's products: the usual rating of mixtures.
double active_flops(const bigmac::Job& job) {
  const bigmac::Module& llm = job.model->llm;
  const auto s = static_cast<double>(job.data.sequence_length);
  double per_token = 0;
  for (const bigmac::Layer& layer : llm.layers) {
    if (layer.kind != bigmac::LayerKind::embedding) per_token += 6 * static_cast<double>(active_parameters(layer));
    if (layer.attention)
      per_token +=
          3 * s * static_cast<double>(layer.attention->heads * (layer.attention->qk_dim + layer.attention->v_dim));
  }
  return per_token * s * static_cast<double>(job.batch.global);
}

double flops_of(const JsonReader& measured, const bigmac::Job& job) {
  const std::string rule = measured.at("flops").string();
  if (rule == "96bslh2") return rated_flops(job, 96);
  if (rule == "72bslh2") return rated_flops(job, 72);
  if (rule == "active") return active_flops(job);
  measured.at("flops").fail("expected 96bslh2, 72bslh2 or active");
}

Measured read_measured(const JsonReader& reader, const bigmac::Job& job) {
  Measured out;
  const double gpus = job.cluster->gpus;
  if (const auto ms = reader.find("step_ms")) out.step_s = 1e-3 * ms->number(1e-3, 1e9);
  if (const auto tflops = reader.find("tflops_per_gpu"))
    out.step_s = flops_of(reader, job) / (1e12 * tflops->number(1e-3, 1e6) * gpus);
  if (const auto rate = reader.find("samples_per_gpu_second"))
    out.step_s = static_cast<double>(job.batch.global) / (rate->number(1e-6, 1e6) * gpus);
  if (const auto gib = reader.find("memory_gib")) out.memory_bytes = gib->number(1e-3, 1e6) * (1 << 30);
  if (const auto gb = reader.find("memory_gb")) out.memory_bytes = gb->number(1e-3, 1e6) * 1e9;
  return out;
}

/// Jobs to be planned keep tp within a node; published runs did not always, so that degree is set past the check.
bigmac::Job read_job(Json document, const std::string& file) {
  document["schema"] = "bigmac.job/1";
  std::optional<int> tp;
  if (!document.contains("parallel")) document["parallel"] = Json::object();
  Json& parallel = document["parallel"];
  if (const auto found = parallel.find("tp"); found != parallel.end() && found->is_number_integer()) {
    tp = static_cast<int>(std::clamp<std::int64_t>(found->get<std::int64_t>(), 1, kMostTensorRanks));
    if (*tp != *found) bigmac::bad_input(file, fmt::format("/parallel/tp: expected 1 to {}", kMostTensorRanks));
    parallel.erase("tp");
    parallel.erase("dp");  // it follows
  }
  bigmac::Job job = bigmac::parse_job(document.dump(), file);
  job.parallel.tp = tp;
  if (!job.model || !job.cluster) bigmac::bad_input(file, "a case needs a job with a model and a cluster");
  return job;
}

Row read_row(const JsonReader& reader, const Json& shared) {
  Json document = shared;
  document.merge_patch(reader.at("job").raw());
  if (!document.is_object()) reader.at("job").fail("expected an object");
  Row row;
  row.name = reader.at("name").string();
  row.job = read_job(std::move(document), reader.file());
  row.schedule = reader.string_or("schedule", "");
  row.measured = read_measured(reader.at("measured"), row.job);
  return row;
}

/// The columns of shared tables of Megatron runs as rows of a case file.
Json rows_of(const CsvTable& table) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    const auto at = [&](const char* column) { return static_cast<std::int64_t>(table.at(i, column)); };
    Json job;
    job["gpus"] = at("gpus");
    job["model"]["llm"] = {{"hidden", at("hidden_size")}, {"heads", at("attention_heads")}, {"layers", at("layers")}};
    job["data"]["sequence_length"] = at("sequence_length");
    job["batch"] = {{"global", at("global_batch")}, {"micro", at("micro_batch")}};
    job["parallel"] = {
        {"tp", at("tensor_parallelism")}, {"dp", at("data_parallelism")}, {"pp", at("pipeline_parallelism")}};
    rows.push_back(
        {{"name", fmt::format("{}B t{} p{} d{} mb{}", table.at(i, "parameters_billion"), at("tensor_parallelism"),
                              at("pipeline_parallelism"), at("data_parallelism"), at("micro_batch"))},
         {"job", job},
         {"measured", {{"step_ms", table.at(i, "iteration_time_ms")}}}});
  }
  return rows;
}

/// "alternate": every other row in the file's order, the first included, serves the fit; "all"; "none".
void mark_fitted(const JsonReader& root, std::vector<Row>& rows) {
  const std::string rule = root.at("fitted").string();
  if (rule != "alternate" && rule != "all" && rule != "none") root.at("fitted").fail("expected alternate, all or none");
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (rule == "all" || (rule == "alternate" && i % 2 == 0)) rows[i].use = Use::fitted;
}

}  // namespace

Group load_group(const std::string& path, const std::string& data) {
  return parse_group(bigmac::read_text_file(path), path, data);
}

Group parse_group(const std::string& text, const std::string& path, const std::string& data) {
  const Json document = bigmac::parse_json(text, path);
  const JsonReader root(document, path);
  if (root.at("schema").string() != "bigmac.accuracy/1") root.at("schema").fail("expected \"bigmac.accuracy/1\"");
  Group group;
  group.name = std::filesystem::path(path).stem().string();
  group.title = root.at("title").string();
  group.source = root.at("source").string();
  group.assumed = root.string_or("assumed", "");
  group.constants = root.at("constants").string();
  Json rows = root.has("rows") ? root.at("rows").raw() : Json::array();
  group.from_data = root.has("csv");
  if (const auto csv = root.find("csv")) {
    const std::filesystem::path file = std::filesystem::path(data) / csv->string();
    if (std::filesystem::exists(file)) rows = rows_of(read_csv(file.string()));
  }
  const JsonReader reader(rows, path, "/rows");
  for (const JsonReader& row : reader.items()) group.rows.push_back(read_row(row, root.at("job").raw()));
  mark_fitted(root, group.rows);
  return group;
}

std::string default_data() {
  const char* shared = std::getenv("BIGMAC_SHARED");
  return std::string(shared != nullptr ? shared : "../shared") + "/data";
}

std::vector<Group> load_groups(const std::string& folder, const std::string& data) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  std::vector<Group> groups;
  for (const std::string& file : files) groups.push_back(load_group(file, data));
  return groups;
}

}  // namespace accuracy
