#include "pass_rows.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/cost/kernels.h"

namespace bigmac {
namespace {

// What a pass waits longer where the host waits for its transfer: Megatron-LM synchronises the device after each batch
// of sends and receives (megatron/p2p_communication.py, torch.cuda.synchronize), so that the host's lead is lost and
// the next pass begins when the host has come round to its first kernels. Read off the zero-bubble paper's runs
// (2401.10241, table 4): of a model's 1F1B and interleaved runs, alike but for the number of passes, the step times
// beyond ours are a common factor and 335 to 428 us a pass (at the most microbatches; bench/accuracy/README.md).
constexpr double kHandoverUs = 380;

Nanoseconds rounded_ns(double microseconds) {
  return Nanoseconds{std::llround(std::min(1e3 * microseconds, static_cast<double>(kMaxCost.value)))};
}
Bytes rounded_bytes(double bytes) { return Bytes{std::llround(std::min(bytes, static_cast<double>(kMaxBytes.value)))}; }

Nanoseconds floored_ns(double microseconds) { return rounded_ns(std::floor(1e3 * std::max(0.0, microseconds)) / 1e3); }

// With sequence parallelism a stage begins with a gather and ends with a scatter: one joined wait less than blocks.
RideShape waits_of(const PassShape& pass, Nanoseconds duration) {
  const bool ends = pass.waits > 0 && pass.end_us > 0;
  const double wait = pass.wait_us, room = 1e-3 * static_cast<double>(duration.value) - (ends ? wait : 0);
  const double fit = wait > 0 ? std::floor(room / wait) : 0;
  RideShape out;
  out.count = static_cast<std::uint32_t>(std::clamp(std::min(pass.waits - (ends ? 1 : 0), fit), 0.0, 1e6));
  out.length = floored_ns(wait);
  if (ends && room >= 0) out.end_count = 2, out.end_length = floored_ns(pass.end_us);
  return out;
}

RideShape kernels_of(const PassShape& pass) {
  const double kernels = std::clamp(std::floor(pass.kernels), 0.0, 1e6);
  const double of_a_piece = pass.waits > 0 ? std::max(1.0, std::floor(kernels / pass.pieces / pass.waits)) : kernels;
  RideShape out;
  out.count = static_cast<std::uint32_t>(kernels);
  out.length = rounded_ns(std::ceil(1e3 * pass.kernel_us) / 1e3);
  out.per_wait = static_cast<std::uint32_t>(std::min(kernels, of_a_piece * pass.pieces));
  out.communication = rounded_ns(pass.communication_us);
  return out;
}

}  // namespace

void refuse_overflow(const PlanCosts& costs) {
  const std::int64_t most = std::min(kMaxCost.value - 1, (std::int64_t{1} << 60) / costs.pipeline.operations());
  for (const auto* column : {&costs.table.duration, &costs.table.transfer})
    for (const Nanoseconds cost : *column)
      if (cost.value > most)
        bad_input("data",
                  fmt::format("a pass of {} ns in each of {} operations is too long; use fewer tokens or samples",
                              cost.value, costs.pipeline.operations()));
}

void fill_pass(CostTable& table, ModuleId module, StageId stage, MicrobatchId microbatch, const LayerCost& cost,
               const Handover& handover) {
  const double wait_forward = handover.overlapped ? 0 : handover.forward_us;
  const double wait_backward = handover.overlapped ? 0 : handover.backward_us;
  const Nanoseconds forward = rounded_ns(cost.forward_us + wait_forward),
                    input = rounded_ns(cost.input_gradient_us + wait_backward),
                    weight = rounded_ns(cost.weight_gradient_us);
  const auto write = [&](OpKind kind, Nanoseconds duration, bool holds_transient) {
    const std::uint32_t slot = table.slot(module, kind, stage, microbatch);
    table.duration[slot] = duration;
    const double sent = kind == OpKind::forward ? handover.forward_us : handover.backward_us;
    table.transfer[slot] = rounded_ns(handover.overlapped ? sent : 0);
    table.transient[slot] = holds_transient ? rounded_bytes(cost.transient_bytes) : Bytes{0};
  };
  write(OpKind::forward, forward, true);
  write(OpKind::backward, input + weight, true);
  write(OpKind::input_gradient, input, true);
  write(OpKind::weight_gradient, weight, false);
  write(OpKind::recompute, rounded_ns(cost.recompute_us), true);
  table.activation[table.slot(module, OpKind::forward, stage, microbatch)] = rounded_bytes(cost.activation_bytes);
}

void fill_rides(CostTable& table, ModuleId module, StageId stage, MicrobatchId microbatch, const LayerCost& cost) {
  if (table.rides.empty()) return;
  for (const OpKind kind : {OpKind::forward, OpKind::backward}) {
    const PassShape& pass = kind == OpKind::forward ? cost.forward : cost.backward;
    const std::uint32_t slot = table.slot(module, kind, stage, microbatch);
    table.rides[slot] = module == kLlm ? waits_of(pass, table.duration[slot]) : kernels_of(pass);
  }
}

double transfer_of(const Job& job, const ParallelPlan& plan, double bytes) {
  const bool same_node = 2 * plan.rank_gpus() * plan.dp <= job.cluster->node.gpus;
  return plan.pp > 1 ? transfer_us(*job.cluster, bytes, same_node) : 0;
}

double llm_transfer(const Job& job, const ParallelPlan& plan, double bytes) {
  double sent = transfer_of(job, plan, bytes);
  if (sent > 0 && job.training.synchronize_transfers && !job.training.overlap_transfers) sent += kHandoverUs;
  if (sent <= 0 || plan.tp == 1 || job.training.sequence_parallel || !job.training.scatter_transfers) return sent;
  const int local = std::min(plan.tp, job.cluster->node.gpus);
  return sent + job.cluster->training.collective_scale *
                    collective_us(*job.cluster, Collective::all_gather, bytes * plan.tp, plan.tp, local);
}

}  // namespace bigmac
