// bigmac-fit-kernels: fits the kernel constants of one cluster file to measured tables.
//
//   bigmac-fit-kernels --cluster configs/clusters/h100-80g.json --gemm gemm_bf16_h100.csv.gz
//                      --attention attention_forward_causal_bf16_h100.csv.gz
//                      --collectives intra_node_h100.csv --out h100-80g.json
//
// Uses the functions of cost/kernels.h themselves. Half of the rows (held_out) are never looked at
// while fitting; the errors printed and written are those of the other half.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <string>
#include <vector>

#include "bigmac/base/error.h"
#include "bigmac/cost/kernel_tables.h"
#include "minimise.h"
#include "program.h"
#include "self_description.h"

namespace {

using namespace bigmac;

struct Options {
  std::string cluster, gemm, attention, collectives, out;
  std::vector<std::string> keep;  // constants left as the file has them
  int evaluations = 400;
};

/// |log(predicted / measured)|, less and less for errors above `saturation`, so that the mean follows
/// the median; a large saturation gives the mean absolute error.
double robust(double predicted, double measured, double saturation) {
  const double e = std::abs(std::log(predicted / measured));
  return e / (e + saturation);
}

template <class Row>
struct Halves {
  std::vector<Row> train, held;
};

template <class Row>
Halves<Row> halve(const std::vector<Row>& rows) {
  Halves<Row> halves;
  for (const Row& row : rows) (held_out(row) ? halves.held : halves.train).push_back(row);
  return halves;
}

template <class Row>
ErrorSummary error_of(const std::vector<Row>& rows, const std::function<double(const Row&)>& predict,
                      const std::function<bool(const Row&)>& keep = {}) {
  std::vector<double> errors;
  for (const Row& row : rows) {
    if (!keep || keep(row)) errors.push_back(std::abs(predict(row) / row.us - 1));
  }
  return summarise(std::move(errors));
}

void print(const char* what, const ErrorSummary& s) {
  std::printf("  %-34s %6d rows   median %5.2f %%   p95 %5.1f %%\n", what, s.rows, 100 * s.median, 100 * s.p95);
}

template <class Row, class Fit>
void fit_table(const std::string& label, const std::vector<Row>& rows, std::size_t most, const Options& options,
               Fit& fit, const std::vector<Constant<Fit>>& all, const std::function<double(const Row&)>& predict,
               const std::string& source, double saturation) {
  const Halves<Row> halves = halve(rows);
  std::vector<Constant<Fit>> constants;
  for (const Constant<Fit>& c : all) {
    if (std::find(options.keep.begin(), options.keep.end(), c.name) == options.keep.end()) constants.push_back(c);
  }
  const std::size_t stride = std::max<std::size_t>(1, halves.train.size() / most);
  minimise<Fit>(fit, constants, options.evaluations, [&] {
    double sum = 0;
    for (std::size_t i = 0; i < halves.train.size(); i += stride)
      sum += robust(predict(halves.train[i]), halves.train[i].us, saturation);
    return sum;
  });
  const ErrorSummary held = error_of<Row>(halves.held, predict);
  fit.record = {source, static_cast<int>(rows.size()), round4(held.median), round4(held.p95)};
  std::printf("%s\n", label.c_str());
  print("train", error_of<Row>(halves.train, predict));
  print("held out", held);
  for (const Constant<Fit>& c : all) std::printf("    %-18s %g\n", c.name, fit.*c.member);
}

constexpr const char* kOrigin = "ai-dynamo/aiconfigurator (NVIDIA, Apache-2.0), measured ";

void fit_gemm(Cluster& cluster, const Options& options) {
  const auto rows = read_gemm_table(options.gemm);
  const std::function<double(const MeasuredGemm&)> predict = [&](const MeasuredGemm& r) {
    return gemm_us(cluster.gpu, r.m, r.n, r.k);
  };
  fit_table<MeasuredGemm, GemmFit>("gemm", rows, 3000, options, cluster.gpu.gemm, gemm_constants(), predict,
                                   std::string(kOrigin) + "bf16 products", 0.3);
  const auto held = halve(rows).held;
  print("held out, >= 2 GFLOP", error_of<MeasuredGemm>(held, predict, [](const auto& r) { return flops(r) >= 2e9; }));
  print("held out, m, n, k >= 1024", error_of<MeasuredGemm>(held, predict, [](const auto& r) {
          return std::min({r.m, r.n, r.k}) >= 1024;
        }));
}

void fit_attention(Cluster& cluster, const Options& options) {
  const auto rows = read_attention_table(options.attention);
  const std::function<double(const MeasuredAttention&)> predict = [&](const MeasuredAttention& r) {
    return attention_forward_us(cluster.gpu, r.shape);
  };
  fit_table<MeasuredAttention, AttentionFit>("attention", rows, 4000, options, cluster.gpu.attention,
                                             attention_constants(), predict,
                                             std::string(kOrigin) + "bf16 causal forward attention", 0.3);
  print("held out, >= 2 GFLOP",
        error_of<MeasuredAttention>(halve(rows).held, predict, [](const auto& r) { return flops(r) >= 2e9; }));
}

void fit_collectives(Cluster& cluster, const Options& options) {
  const auto rows = read_collective_table(options.collectives);
  const std::function<double(const MeasuredCollective&)> predict = [&](const MeasuredCollective& r) {
    return collective_us(cluster, r.collective, r.bytes, r.gpus, r.gpus);
  };
  for (auto& [key, fit] : cluster.node.collectives) {
    std::vector<MeasuredCollective> own;
    for (const auto& row : rows)
      if (key == name(row.collective)) own.push_back(row);
    fit_table<MeasuredCollective, CollectiveFit>(key, own, 4000, options, fit, collective_constants(), predict,
                                                 std::string(kOrigin) + "NCCL inside a node", 1.0);
  }
  print("collectives, held out", error_of<MeasuredCollective>(halve(rows).held, predict));
}

int main_program(int argc, char** argv) {
  CLI::App app("Fits the kernel constants of a cluster file to measured tables", "bigmac-fit-kernels");
  Options options;
  app.add_option("--cluster", options.cluster, "cluster file whose constants are the start")->required();
  app.add_option("--gemm", options.gemm, "CSV: m,n,k,latency_us");
  app.add_option("--attention", options.attention, "CSV: batch,sequence,heads,kv_heads,head_dim,latency_us");
  app.add_option("--collectives", options.collectives, "CSV: operation,gpus,bytes,latency_us");
  app.add_option("--out", options.out, "cluster file to write");
  app.add_option("--keep", options.keep, "constants to leave as they are in the cluster file");
  app.add_option("--evaluations", options.evaluations, "evaluations per round")->check(CLI::PositiveNumber);
  apps::describe_itself(app);
  if (const auto code = apps::parse_command_line(app, argc, argv)) return *code;
  Cluster cluster = load_cluster(options.cluster);
  if (!options.gemm.empty()) fit_gemm(cluster, options);
  if (!options.attention.empty()) fit_attention(cluster, options);
  if (!options.collectives.empty()) fit_collectives(cluster, options);
  if (!options.out.empty()) save_cluster(cluster, options.out);
  return apps::kDone;
}

}  // namespace

int main(int argc, char** argv) {
  return bigmac::apps::run_program([&] { return main_program(argc, argv); });
}
