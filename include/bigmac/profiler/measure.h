// Native measurement: the layers of a model as kernels, timed one by one, and put together again as a cost table.
//
//   model ── plan_measurement ──> cases ── measure (KernelTimer) ──> timings ── tables ──> bigmac.costs/1, efficiency
//   by shape
//
// Planning, repetition, outliers and tables are pure and work with any timer; the GPU is behind KernelTimer
// (profiler/measure/cuda_*).
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bigmac/cost/kernels.h"
#include "bigmac/workload/model.h"

namespace bigmac {

/// What to measure. Every sequence length with every number of sequences in a microbatch.
struct MeasurementRequest {
  Model model;
  std::vector<std::int64_t> sequences = {4096};  ///< LLM tokens of one sequence
  std::vector<std::int64_t> images = {4096};     ///< patches (encoders) or latent patches (generators) of one image
  std::vector<std::int64_t> microbatches = {1};  ///< sequences, or images
  std::vector<int> tensor_parallel = {1};        ///< shapes of one GPU of such a group; no communication is run
  /// Where given, attention is not run: its time is that of a fused kernel by this GPU's fit (cost/kernels.h).
  std::optional<Gpu> attention_by;
};

enum class KernelKind : std::uint8_t {
  product,          ///< y = x W, bf16: m x k by k x n, `batch` of them
  input_gradient,   ///< dx = dy W^T: m x k by k x n again, W read the other way
  weight_gradient,  ///< dW += x^T dy, summed into fp32
  attention,        ///< scores, softmax, values, as four kernels: m queries, n keys, k width, `batch` heads
  attention_gradient,
  norm,  ///< RMS norm of m rows of k
  norm_gradient,
  stream,  ///< k bytes read and written by one elementwise kernel
};
const char* name(KernelKind kind);

/// One kernel (or the fixed chain that attention is). Sizes are whole: shares of tokens are rounded.
struct KernelCase {
  KernelKind kind = KernelKind::stream;
  std::int64_t m = 0, n = 0, k = 0, batch = 1;
  bool causal = false;

  friend auto operator<=>(const KernelCase&, const KernelCase&) = default;
};
/// Multiply-adds count 2; 0 for what is bound by memory.
double flops(const KernelCase& kernel);
/// Bytes that must be read and written at least once.
double bytes_moved(const KernelCase& kernel);
/// Device memory that one run needs.
double bytes_needed(const KernelCase& kernel);

/// `times` runs of case `index`.
struct CaseUse {
  std::size_t index = 0;
  double times = 1;
};

/// One row of the cost table to be: which cases make up its passes.
struct LayerPlanRow {
  std::string module;
  LayerKind layer = LayerKind::transformer;
  double layers = 1;  ///< how many layers of the module are alike
  int tp = 1;
  std::int64_t sequence = 0, microbatch = 1;
  double tokens = 0;
  std::vector<CaseUse> forward, input_gradient, weight_gradient;
  double formula_forward_us = 0, formula_input_gradient_us = 0;  ///< not measured: attention by formula
};

struct Measurement {
  std::vector<KernelCase> cases;  ///< each once
  std::vector<LayerPlanRow> rows;
};

/// Throws Error{bad_input} for sizes that are none.
Measurement plan_measurement(const MeasurementRequest& request);

/// Runs kernels. `run_ns`: nanoseconds of `repeats` runs back to back.
class KernelTimer {
 public:
  virtual ~KernelTimer() = default;
  virtual double run_ns(const KernelCase& kernel, int repeats) = 0;
  /// Device memory that cases may take.
  virtual double memory_bytes() const = 0;
};

struct TimingRules {
  double least_batch_ns = 2e6;  ///< repeats are chosen so that a batch lasts this long
  int most_repeats = 1000;
  int most_warmups = 20;  ///< batches, until two in a row agree within `steady`
  double steady = 0.03;
  int batches = 15;
  double outlier_deviations = 5;  ///< beyond the median by so many median absolute deviations: left out, counted
};

struct Timing {
  double us = 0;      ///< median of one run; 0: not run
  double spread = 0;  ///< median absolute deviation over the median
  int repeats = 0, batches = 0, outliers = 0, warmups = 0;
  bool steady = true;
  std::string skipped;  ///< why it was not run
};

Timing time_case(KernelTimer& timer, const KernelCase& kernel, const TimingRules& rules = {});

/// What was measured on: goes into every table.
struct DeviceRecord {
  std::string gpu, driver, libraries, date;
  double peak_tflops = 0, peak_gbps = 0;  ///< of the data sheet, where a cluster file gives them; else 0
};

/// bigmac.costs/1. Layers of one kind that differ are averaged by their number, since the table tells them apart by
/// kind only; a row with a case that was not run is left out, as are tp > 1 (their communication is not in it) and
/// repeats of one number of tokens. `notes` say so.
std::string cost_table_text(const Measurement& measurement, const std::vector<Timing>& timings,
                            const DeviceRecord& device, std::vector<std::string>& notes);

/// Efficiency by shape, one row per case: csv, and JSON of schema bigmac.efficiency/1.
std::string efficiency_csv(const Measurement& measurement, const std::vector<Timing>& timings,
                           const DeviceRecord& device);
std::string efficiency_json(const Measurement& measurement, const std::vector<Timing>& timings,
                            const DeviceRecord& device);

/// The CUDA device of this machine. Throws Error{bad_input} saying what is missing: a driver, a device, cuBLASLt,
/// NVRTC.
struct CudaDevice {
  std::unique_ptr<KernelTimer> timer;
  DeviceRecord record;
};
CudaDevice open_cuda_device(int ordinal);

}  // namespace bigmac
