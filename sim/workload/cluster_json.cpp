#include <algorithm>
#include <array>
#include <limits>

#include "bigmac/base/json_reader.h"
#include "bigmac/workload/cluster.h"

namespace bigmac {
namespace {

constexpr const char* kSchema = "bigmac.cluster/1";
constexpr std::array<const char*, 4> kCollectives{"all_reduce", "all_gather", "reduce_scatter", "all_to_all"};

/// A misspelt constant would silently fall back to a default: refused instead.
void allow_only(const JsonReader& reader, const std::vector<std::string>& known) {
  for (const auto& [key, value] : reader.members()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) value.fail(unknown_name("key", key, known));
  }
}

std::string read_source(const JsonReader& reader) {
  const JsonReader source = reader.at("source");
  if (source.string().empty()) source.fail("expected where the numbers come from");
  return source.string();
}

template <class Fit>
Fit read_fit(const JsonReader& reader, const std::vector<Constant<Fit>>& table) {
  allow_only(reader, {"constants", "source", "shapes", "heldout_median_error", "heldout_p95_error"});
  Fit fit;
  std::vector<std::string> names;
  const JsonReader constants = reader.at("constants");
  for (const Constant<Fit>& constant : table) {
    fit.*constant.member = constants.at(constant.name).number(constant.low, constant.high);
    names.emplace_back(constant.name);
  }
  allow_only(constants, names);
  fit.record.source = read_source(reader);
  fit.record.shapes = static_cast<int>(reader.at("shapes").integer(0, std::numeric_limits<int>::max()));
  fit.record.heldout_median_error = reader.at("heldout_median_error").number(0, 100);
  fit.record.heldout_p95_error = reader.at("heldout_p95_error").number(0, 100);
  return fit;
}

Gpu read_gpu(const JsonReader& reader) {
  allow_only(reader, {"name", "bf16_tflops", "memory_bytes", "hbm_gbps", "multiprocessors", "hbm_share", "launch_us",
                      "source", "gemm", "attention"});
  Gpu gpu;
  gpu.name = reader.at("name").string();
  gpu.bf16_tflops = reader.at("bf16_tflops").number(0.001, 1e6);
  gpu.memory = Bytes{reader.at("memory_bytes").integer(1, kMaxBytes.value)};
  gpu.hbm_gbps = reader.at("hbm_gbps").number(0.001, 1e6);
  gpu.multiprocessors = static_cast<int>(reader.at("multiprocessors").integer(1, 1'000'000));
  gpu.hbm_share = reader.at("hbm_share").number(0.01, 1);
  gpu.launch_us = reader.at("launch_us").number(0, 1e6);
  gpu.source = read_source(reader);
  gpu.gemm = read_fit(reader.at("gemm"), gemm_constants());
  gpu.attention = read_fit(reader.at("attention"), attention_constants());
  return gpu;
}

Node read_node(const JsonReader& reader) {
  allow_only(reader, {"gpus", "nvlink_gbps", "source", "collectives"});
  Node node;
  node.gpus = static_cast<int>(reader.at("gpus").integer(1, 100'000));
  node.nvlink_gbps = reader.at("nvlink_gbps").number(0.001, 1e6);
  node.source = read_source(reader);
  const JsonReader collectives = reader.at("collectives");
  allow_only(collectives, {kCollectives.begin(), kCollectives.end()});
  for (const char* name : kCollectives) {
    node.collectives.emplace(name, read_fit(collectives.at(name), collective_constants()));
  }
  return node;
}

Network read_network(const JsonReader& reader) {
  allow_only(reader, {"gbps_per_gpu", "share", "latency_us", "source"});
  Network network;
  network.gbps_per_gpu = reader.at("gbps_per_gpu").number(0.001, 1e6);
  network.share = reader.at("share").number(0.01, 1);
  network.latency_us = reader.at("latency_us").number(0, 1e6);
  network.source = read_source(reader);
  return network;
}

template <class Fit>
Json fit_json(const Fit& fit, const std::vector<Constant<Fit>>& table) {
  Json constants = Json::object();
  for (const Constant<Fit>& constant : table) constants[constant.name] = fit.*constant.member;
  return {{"constants", constants},
          {"shapes", fit.record.shapes},
          {"heldout_median_error", fit.record.heldout_median_error},
          {"heldout_p95_error", fit.record.heldout_p95_error},
          {"source", fit.record.source}};
}

Json gpu_json(const Gpu& gpu) {
  return {{"name", gpu.name},
          {"bf16_tflops", gpu.bf16_tflops},
          {"memory_bytes", gpu.memory.value},
          {"hbm_gbps", gpu.hbm_gbps},
          {"multiprocessors", gpu.multiprocessors},
          {"hbm_share", gpu.hbm_share},
          {"launch_us", gpu.launch_us},
          {"source", gpu.source},
          {"gemm", fit_json(gpu.gemm, gemm_constants())},
          {"attention", fit_json(gpu.attention, attention_constants())}};
}

}  // namespace

Cluster parse_cluster(const std::string& text, const std::string& file) {
  const Json document = parse_json(text, file);
  const JsonReader root(document, file);
  const JsonReader schema = root.at("schema");
  if (schema.string() != kSchema) schema.fail(std::string("expected \"") + kSchema + "\"");
  allow_only(root, {"schema", "name", "gpus", "gpu", "node", "network", "training"});
  Cluster cluster;
  cluster.name = root.at("name").string();
  cluster.gpus = static_cast<int>(root.integer_or("gpus", 0, 0, 10'000'000));
  cluster.gpu = read_gpu(root.at("gpu"));
  cluster.node = read_node(root.at("node"));
  cluster.network = read_network(root.at("network"));
  if (const auto training = root.find("training")) cluster.training = read_fit(*training, training_constants());
  return cluster;
}

Cluster load_cluster(const std::string& path) { return parse_cluster(read_text_file(path), path); }

std::string cluster_text(const Cluster& cluster) {
  Json collectives = Json::object();
  for (const char* name : kCollectives) {
    collectives[name] = fit_json(cluster.node.collectives.at(name), collective_constants());
  }
  const Json node{{"gpus", cluster.node.gpus},
                  {"nvlink_gbps", cluster.node.nvlink_gbps},
                  {"source", cluster.node.source},
                  {"collectives", collectives}};
  const Json network{{"gbps_per_gpu", cluster.network.gbps_per_gpu},
                     {"share", cluster.network.share},
                     {"latency_us", cluster.network.latency_us},
                     {"source", cluster.network.source}};
  const Json document{{"schema", kSchema},
                      {"name", cluster.name},
                      {"gpus", cluster.gpus},
                      {"gpu", gpu_json(cluster.gpu)},
                      {"node", node},
                      {"network", network},
                      {"training", fit_json(cluster.training, training_constants())}};
  return document.dump(1) + "\n";
}

void save_cluster(const Cluster& cluster, const std::string& path) { write_text_file(path, cluster_text(cluster)); }

}  // namespace bigmac
