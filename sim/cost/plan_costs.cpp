#include "bigmac/cost/plan_costs.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/cost/kernels.h"

namespace bigmac {
namespace {

Nanoseconds rounded_ns(double microseconds) {
  return Nanoseconds{std::llround(std::min(1e3 * microseconds, static_cast<double>(kMaxCost.value)))};
}
Bytes rounded_bytes(double bytes) { return Bytes{std::llround(std::min(bytes, static_cast<double>(kMaxBytes.value)))}; }

// Every sum a schedule can form stays below 2^62: the dearest pass, as often as there are operations.
void refuse_overflow(const PlanCosts& costs) {
  const std::int64_t most = std::min(kMaxCost.value - 1, (std::int64_t{1} << 60) / costs.pipeline.operations());
  for (const auto* column : {&costs.table.duration, &costs.table.transfer})
    for (const Nanoseconds cost : *column)
      if (cost.value > most)
        bad_input("data",
                  fmt::format("a pass of {} ns in each of {} operations is too long; use fewer tokens or samples",
                              cost.value, costs.pipeline.operations()));
}

/// Handing a pass's result on, to the next stage and back. A trainer that does not overlap transfers spends them at the
/// end of the pass; otherwise they run beside the rank's next operation.
struct Handover {
  double forward_us = 0, backward_us = 0;
  bool overlapped = true;
};

/// Writes the rows of one pass: F, I, W, B = I + W, R.
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

/// Where the LLM waits for tp traffic, encoders may run.
void fill_rides(CostTable& table, ModuleId module, StageId stage, MicrobatchId microbatch, const LayerCost& cost) {
  if (table.rides.empty()) return;
  for (const OpKind kind : {OpKind::forward, OpKind::backward}) {
    const PassShape& pass = kind == OpKind::forward ? cost.forward : cost.backward;
    const std::uint32_t slot = table.slot(module, kind, stage, microbatch);
    table.rides[slot] = module == kLlm ? waits_of(pass, table.duration[slot]) : kernels_of(pass);
  }
}

// Ranks of one pipeline are pp apart; GPUs are laid out tp, cp, dp, pp from the inside out.
double transfer_of(const Job& job, const ParallelPlan& plan, double bytes) {
  const bool same_node = 2 * plan.rank_gpus() * plan.dp <= job.cluster->node.gpus;
  return plan.pp > 1 ? transfer_us(*job.cluster, bytes, same_node) : 0;
}

// Transformer layers as the job cuts them; what stands before them goes to the first stage, what follows to the last.
Partition stage_partition(const Job& job, const ModuleProfile& llm, std::uint32_t stages) {
  const Training& training = job.training;
  if (!training.even_stages && training.stage_layers.empty()) return partition_layers(llm.layers, stages);
  const std::vector<Layer>& layers = job.model->llm.layers;
  const auto is_body = [](const Layer& layer) { return layer.kind == LayerKind::transformer; };
  const auto first = std::find_if(layers.begin(), layers.end(), is_body) - layers.begin();
  const auto count = std::count_if(layers.begin(), layers.end(), is_body);
  std::vector<std::int64_t> shares = training.stage_layers;
  if (shares.empty() && count % stages == 0) shares.assign(stages, count / stages);
  if (shares.size() != stages || std::accumulate(shares.begin(), shares.end(), std::int64_t{0}) != count)
    bad_input("training", fmt::format("{} transformer layers do not fill {} stages as 'even_stages' or 'stage_layers' "
                                      "say; expected a share for each stage and {} in all",
                                      count, stages, count));
  Partition begin{0};
  auto next = static_cast<std::uint32_t>(first);
  for (const std::int64_t share : shares) begin.push_back(next += static_cast<std::uint32_t>(share));
  begin.back() = static_cast<std::uint32_t>(layers.size());
  return begin;
}

// With scattered transfers the receiving tp ranks gather the parts inside their node (2104.04473, section 4.1;
// DeepSpeed's pipeline engine does the same); sequence parallelism sends parts and gathers them in the layer.
double llm_transfer(const Job& job, const ParallelPlan& plan, double bytes) {
  const double sent = transfer_of(job, plan, bytes);
  if (sent <= 0 || plan.tp == 1 || job.training.sequence_parallel || !job.training.scatter_transfers) return sent;
  const int local = std::min(plan.tp, job.cluster->node.gpus);
  return sent + job.cluster->training.collective_scale *
                    collective_us(*job.cluster, Collective::all_gather, bytes * plan.tp, plan.tp, local);
}

std::vector<std::string> names_of(const std::vector<Module>& modules) {
  std::vector<std::string> names;
  for (const Module& module : modules) names.push_back(module.name);
  return names;
}

// Whether any of a microbatch's rows would differ from the first one's.
bool varies(const SideCosts& side, std::uint32_t microbatches) {
  const auto row = [&](std::uint32_t m) {
    const LayerCost& c = side.by_microbatch[m];
    return std::tuple(c.forward_us, c.input_gradient_us, c.weight_gradient_us, c.activation_bytes, c.transient_bytes,
                      side.transfer_bytes[m]);
  };
  for (std::uint32_t m = 1; m < microbatches; ++m)
    if (row(m) != row(0)) return true;
  return false;
}

double fill_side(const Job& job, const ParallelPlan& plan, PlanCosts& out, ModuleId id, const SideCosts& side) {
  double flops = 0;
  for (std::uint32_t m = 0; m < out.pipeline.microbatches; ++m) {
    if (m == 0 || out.table.modules[id].per_microbatch != 0) {
      fill_pass(out.table, id, StageId{0}, MicrobatchId{m}, side.by_microbatch[m],
                {transfer_of(job, plan, side.transfer_bytes[m]), transfer_of(job, plan, side.transfer_bytes[m]), true});
      if (out.pipeline.modules[id].role == Role::encoder)
        fill_rides(out.table, id, StageId{0}, MicrobatchId{m}, side.by_microbatch[m]);
    }
    flops += side.by_microbatch[m].model_flops + side.by_microbatch[m].backward_flops;
  }
  return flops;
}

}  // namespace

PlanCosts plan_costs(const Job& job, const ParallelPlan& plan, std::int64_t microbatches, SharedProfile llm,
                     std::vector<SharedSide> encoders, std::vector<SharedSide> generators) {
  PlanCosts out;
  out.pipeline = make_pipeline(plan.pp, plan.vpp, microbatches, names_of(job.model->encoders),
                               names_of(job.model->generators), "parallel");
  for (std::size_t i = 0; i < out.pipeline.encoders.size(); ++i)
    out.pipeline.modules[out.pipeline.encoders[i]].backward = trained_layers(job, Role::encoder, i).any_backward();
  const std::uint32_t count = out.pipeline.microbatches;
  out.partition = stage_partition(job, *llm, out.pipeline.stages());
  std::vector<bool> per_microbatch = {false};
  for (const SharedSide& side : encoders) per_microbatch.push_back(varies(*side, count));
  for (const SharedSide& side : generators) per_microbatch.push_back(varies(*side, count));
  out.table = make_cost_table(out.pipeline, per_microbatch);
  if (plan.tp > 1 && !encoders.empty()) out.table.rides.resize(out.table.size());
  for (std::uint32_t stage = 0; stage < out.pipeline.stages(); ++stage) {
    const LayerCost* layers = llm->layers.data();
    const LayerCost sum = sum_of(layers + out.partition[stage], layers + out.partition[stage + 1]);
    const double transfer = llm_transfer(job, plan, llm->transfer_bytes);
    const bool overlap = job.training.overlap_transfers;
    const Handover handover{overlap || stage + 1 < out.pipeline.stages() ? transfer : 0,
                            overlap || stage > 0 ? transfer : 0, overlap};
    fill_pass(out.table, kLlm, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{0}, sum, handover);
    fill_rides(out.table, kLlm, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{0}, sum);
    out.model_flops += (sum.model_flops + sum.backward_flops) * count;
  }
  for (std::size_t i = 0; i < encoders.size(); ++i)
    out.model_flops += fill_side(job, plan, out, out.pipeline.encoders[i], *encoders[i]);
  for (std::size_t i = 0; i < generators.size(); ++i)
    out.model_flops += fill_side(job, plan, out, out.pipeline.generators[i], *generators[i]);
  refuse_overflow(out);
  out.llm = std::move(llm);
  out.encoders = std::move(encoders);
  out.generators = std::move(generators);
  return out;
}

}  // namespace bigmac
