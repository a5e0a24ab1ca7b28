// bigmac-profile measure: the layers of a model, kernel by kernel, on the GPU of this machine.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/profiler/measure.h"
#include "bigmac/workload/cluster.h"
#include "profile_commands.h"
#include "program.h"

namespace bigmac::apps {
namespace {

struct MeasureOptions {
  MeasurementRequest request;
  std::string model, cluster, folder, attention = "unfused";
  int gpu = 0;
  bool on_gpu = false;
};

void print_plan(const Measurement& measurement) {
  double most = 0, work = 0;
  for (const KernelCase& c : measurement.cases) most = std::max(most, bytes_needed(c)), work += flops(c);
  fmt::print(
      "{} layers and sizes, {} kernels, {:.2f} TFLOP for one run of each, at most {:.2f} GB of device memory at once\n",
      measurement.rows.size(), measurement.cases.size(), work / 1e12, most / 1e9);
  fmt::print("{:<18} {:>9} {:>9} {:>9} {:>7}\n", "kernel", "m", "n", "k", "batch");
  for (const KernelCase& c : measurement.cases)
    fmt::print("{:<18} {:>9} {:>9} {:>9} {:>7}\n", name(c.kind), c.m, c.n, c.k, c.batch);
}

std::vector<Timing> time_all(const Measurement& measurement, KernelTimer& timer) {
  const bool terminal = isatty(STDERR_FILENO) != 0;
  std::vector<Timing> out;
  for (const KernelCase& c : measurement.cases) {
    if (terminal) fmt::print(stderr, "\r{} / {} {:<18}", out.size() + 1, measurement.cases.size(), name(c.kind));
    out.push_back(time_case(timer, c));
  }
  if (terminal) fmt::print(stderr, "\n");
  return out;
}

void note_doubts(const Measurement& measurement, const std::vector<Timing>& timings) {
  std::size_t unsteady = 0, skipped = 0;
  for (const Timing& timing : timings) unsteady += !timing.steady, skipped += !timing.skipped.empty();
  if (unsteady > 0)
    note(fmt::format("{} of {} kernels never became steady; see 'steady' in efficiency.csv", unsteady,
                     measurement.cases.size()));
  if (skipped > 0) note(fmt::format("{} kernels were skipped; see 'skipped' in efficiency.csv", skipped));
}

/// The cluster file, if one was named; asks for it where attention is to come from its fit.
std::optional<Cluster> cluster_of(MeasureOptions& options) {
  const std::vector<std::string> ways = {"unfused", "formula"};
  if (std::find(ways.begin(), ways.end(), options.attention) == ways.end())
    bad_input("--attention", unknown_name("way", options.attention, ways));
  const bool formula = options.attention == "formula";
  if (options.cluster.empty()) {
    if (formula)
      bad_input("--attention formula", "expected --cluster FILE, whose fit of fused attention kernels is used");
    return std::nullopt;
  }
  Cluster cluster = load_cluster(options.cluster);
  if (formula) options.request.attention_by = cluster.gpu;
  return cluster;
}

int measure(MeasureOptions options) {
  std::vector<std::string> notes;
  options.request.model = load_model(options.model, notes);
  const std::optional<Cluster> cluster = cluster_of(options);
  const Measurement measurement = plan_measurement(options.request);
  if (!options.on_gpu) {
    print_plan(measurement);
    note("nothing was measured: --gpu runs these kernels");
    return kDone;
  }
  if (options.folder.empty()) bad_input("-o", "expected a folder for the tables");
  CudaDevice device = open_cuda_device(options.gpu);
  if (cluster) {
    device.record.peak_tflops = cluster->gpu.bf16_tflops;
    device.record.peak_gbps = cluster->gpu.hbm_gbps;
  }
  const std::vector<Timing> timings = time_all(measurement, *device.timer);
  note_doubts(measurement, timings);
  std::filesystem::create_directories(options.folder);
  write_text_file(options.folder + "/costs.json", cost_table_text(measurement, timings, device.record, notes));
  write_text_file(options.folder + "/efficiency.csv", efficiency_csv(measurement, timings, device.record));
  write_text_file(options.folder + "/efficiency.json", efficiency_json(measurement, timings, device.record));
  for (const std::string& text : notes) note(text);
  fmt::print("{} kernels on {}\n{}/costs.json\n{}/efficiency.csv\n", timings.size(), device.record.gpu, options.folder,
             options.folder);
  return kDone;
}

}  // namespace

void add_measure_command(CLI::App& app, ProfileCommands& commands) {
  const auto options = std::make_shared<MeasureOptions>();
  CLI::App* command = app.add_subcommand(
      "measure", "time the kernels of a model's layers on a GPU: a cost table and efficiency by shape");
  command->add_option("--model", options->model, "config.json of Hugging Face or diffusers, or bigmac.model/1")
      ->required();
  CLI::Option* gpu = command->add_option("--gpu", options->gpu,
                                         "run them, on this device (default 0); without: print what would be run");
  gpu->expected(0, 1);
  command->add_option("--sequence", options->request.sequences, "tokens of a sequence (default 4096)")->delimiter(',');
  command
      ->add_option("--image-tokens", options->request.images,
                   "patches of an image, for encoders and generators (default 4096)")
      ->delimiter(',');
  command
      ->add_option("--microbatch", options->request.microbatches, "sequences, or images, of a microbatch (default 1)")
      ->delimiter(',');
  command
      ->add_option("--tp", options->request.tensor_parallel,
                   "tensor-parallel degrees whose shapes are run too (default 1)")
      ->delimiter(',');
  command->add_option("--cluster", options->cluster, "cluster file with the GPU's peak rates, for shares of them");
  command->add_option("--attention", options->attention,
                      "unfused: run it as products and a softmax (default); formula: do not run it, take --cluster's "
                      "fit of fused kernels");
  command->add_option("-o,--output", options->folder, "folder for costs.json, efficiency.csv and efficiency.json");
  commands[command] = [options, gpu] {
    options->on_gpu = gpu->count() > 0;
    return measure(*options);
  };
}

}  // namespace bigmac::apps
