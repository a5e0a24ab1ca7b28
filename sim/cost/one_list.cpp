// Megatron-LM balanced (as Optimus compares with it: 2408.03505, section 5.1): the layers of encoders, LLM and
// generators as one linear list, cut into P x V contiguous stages whose dearest is as cheap as can be.
//
//   P = 4, V = 1, encoder layers 1 1 1 1, LLM layers 2 2 2 2 2: | 1 1 | 1 1 2 | 2 2 | 2 2 |, 4 being the least dearest
//   stage; where cuts are equally good, early stages are light, since they hold the most microbatches.
//
// Departure: layers are weighed by their mean time over the microbatches, as who tunes by hand would; the paper weighs
// them by FLOPs, which OneList::by_flops does.
#include "one_list.h"

#include <algorithm>
#include <limits>

#include "bigmac/base/error.h"
#include "pass_rows.h"

namespace bigmac {
namespace {

/// The whole list, in forward order.
std::vector<ListedLayers> whole_list(const Job& job) {
  std::vector<ListedLayers> out;
  const auto add = [&](Role role, std::size_t index, const Module& module) {
    out.push_back({role, index, 0, static_cast<std::uint32_t>(module.layers.size())});
  };
  for (std::size_t i = 0; i < job.model->encoders.size(); ++i) add(Role::encoder, i, job.model->encoders[i]);
  add(Role::llm, 0, job.model->llm);
  for (std::size_t i = 0; i < job.model->generators.size(); ++i) add(Role::generator, i, job.model->generators[i]);
  return out;
}

/// Cuts a list of runs at the places of `partition`.
StageList cut(const std::vector<ListedLayers>& list, const Partition& partition) {
  StageList stages(partition.size() - 1);
  std::uint32_t begin = 0;  // of the run, in the whole list
  for (const ListedLayers& run : list) {
    const std::uint32_t end = begin + run.last - run.first;
    for (std::size_t s = 0; s + 1 < partition.size(); ++s) {
      const std::uint32_t from = std::max(begin, partition[s]), to = std::min(end, partition[s + 1]);
      if (from < to) stages[s].push_back({run.role, run.index, from - begin, to - begin});
    }
    begin = end;
  }
  return stages;
}

/// Layers of any module by microbatch.
class ListCosts {
 public:
  ListCosts(const Job& job, const ParallelPlan& plan, const PlanCosts& costs) : job_(job), plan_(plan), costs_(costs) {}

  const LayerCost& layer(Role role, std::size_t index, std::uint32_t i, std::uint32_t m) const {
    if (role == Role::llm) return costs_.llm->layers[i];
    return side(role, index).layer(m, i);
  }

  LayerCost stage(const std::vector<ListedLayers>& runs, std::uint32_t m) const {
    std::vector<LayerCost> layers;
    for (const ListedLayers& run : runs)
      for (std::uint32_t i = run.first; i < run.last; ++i) layers.push_back(layer(run.role, run.index, i, m));
    return sum_of(layers.data(), layers.data() + layers.size());
  }

  /// F, I and W of a stage's layers.
  double time_us(const std::vector<ListedLayers>& runs, std::uint32_t m) const {
    double sum = 0;
    for (const ListedLayers& run : runs)
      for (std::uint32_t i = run.first; i < run.last; ++i) {
        const LayerCost& cost = layer(run.role, run.index, i, m);
        sum += cost.forward_us + cost.input_gradient_us + cost.weight_gradient_us;
      }
    return sum;
  }

  /// Microseconds to hand on what a stage that ends with `run` makes of microbatch m. Encoders that have ended pass
  /// their results through the stages of those that follow.
  double handover_us(const ListedLayers& run, std::uint32_t m) const {
    if (run.role == Role::llm) return llm_transfer(job_, plan_, costs_.llm->transfer_bytes);
    const SideCosts& own = side(run.role, run.index);
    const bool ends = run.last == own.parameters.size();
    double bytes = ends && run.role == Role::encoder ? own.transfer_bytes[m] : own.inner_bytes[m];
    for (std::size_t i = 0; run.role == Role::encoder && i < run.index; ++i)
      bytes += costs_.encoders[i]->transfer_bytes[m];
    return transfer_of(job_, plan_, bytes);
  }

  /// What the list is cut by: time, or FLOPs as if each 1e6 took a microsecond.
  std::vector<LayerCost> weights(const std::vector<ListedLayers>& list) const {
    std::vector<LayerCost> out;
    const std::uint32_t count = costs_.pipeline.microbatches;
    for (const ListedLayers& run : list)
      for (std::uint32_t i = run.first; i < run.last; ++i) {
        LayerCost mean;
        for (std::uint32_t m = 0; m < (run.role == Role::llm ? 1 : count); ++m) {
          const LayerCost& cost = layer(run.role, run.index, i, m);
          const bool by_flops = plan_.one_list == OneList::by_flops;
          const double time = cost.forward_us + cost.input_gradient_us + cost.weight_gradient_us;
          mean.forward_us += (by_flops ? 1e-6 * cost.model_flops : time) / (run.role == Role::llm ? 1 : count);
        }
        out.push_back(mean);
      }
    return out;
  }

 private:
  const SideCosts& side(Role role, std::size_t index) const {
    return role == Role::encoder ? *costs_.encoders[index] : *costs_.generators[index];
  }

  const Job& job_;
  const ParallelPlan& plan_;
  const PlanCosts& costs_;
};

bool any_varies(const PlanCosts& costs) {
  for (const auto* sides : {&costs.encoders, &costs.generators})
    for (const SharedSide& side : *sides)
      if (varies(*side, costs.pipeline.microbatches)) return true;
  return false;
}

// The LLM's share of a partition of the list: empty runs where a stage holds none of its layers.
Partition llm_share(const StageList& stages) {
  Partition out{0};
  for (const auto& runs : stages) {
    out.push_back(out.back());
    for (const ListedLayers& run : runs)
      if (run.role == Role::llm) out.back() = run.last;
  }
  return out;
}

double model_flops(const PlanCosts& costs) {
  const std::uint32_t count = costs.pipeline.microbatches;
  const auto of = [](const LayerCost& cost) { return cost.model_flops + cost.backward_flops; };
  double flops = 0;
  for (const LayerCost& layer : costs.llm->layers) flops += of(layer) * count;
  for (const auto* sides : {&costs.encoders, &costs.generators})
    for (const SharedSide& side : *sides)
      for (std::uint32_t m = 0; m < count; ++m) flops += of(side->by_microbatch[m]);
  return flops;
}

}  // namespace

ListOutline list_outline(const Job& job, const ParallelPlan& plan, const PlanCosts& apart) {
  ListOutline out;
  out.costs.pipeline = make_pipeline(plan.pp, plan.vpp, apart.pipeline.microbatches, {}, {}, "parallel");
  out.costs.llm = apart.llm, out.costs.encoders = apart.encoders, out.costs.generators = apart.generators;
  const ListCosts list(job, plan, out.costs);
  const std::vector<ListedLayers> whole = whole_list(job);
  const std::vector<LayerCost> weights = list.weights(whole);
  const Partition partition = partition_layers(weights, out.costs.pipeline.stages());
  out.costs.listed = cut(whole, partition);
  out.costs.partition = llm_share(out.costs.listed);
  for (std::uint32_t stage = 0; stage < out.costs.pipeline.stages(); ++stage) {
    double mean = 0, least = std::numeric_limits<double>::infinity();
    for (std::uint32_t i = partition[stage]; i < partition[stage + 1]; ++i) mean += weights[i].forward_us;
    out.work_us.push_back(mean * out.costs.pipeline.microbatches);
    const std::uint32_t count = stage < out.costs.pipeline.ranks ? out.costs.pipeline.microbatches : 0;
    for (std::uint32_t m = 0; m < count; ++m) least = std::min(least, list.time_us(out.costs.listed[stage], m));
    out.least_us.push_back(count > 0 ? least : 0);
  }
  return out;
}

PlanCosts one_list_costs(const Job& job, const ParallelPlan& plan, std::int64_t microbatches, SharedProfile llm,
                         std::vector<SharedSide> encoders, std::vector<SharedSide> generators,
                         const PlanCosts* as_cut) {
  PlanCosts out;
  out.pipeline = make_pipeline(plan.pp, plan.vpp, microbatches, {}, {}, "parallel");
  out.llm = std::move(llm);
  out.encoders = std::move(encoders);
  out.generators = std::move(generators);
  const ListCosts list(job, plan, out);
  const std::vector<ListedLayers> whole = whole_list(job);
  out.listed =
      as_cut != nullptr ? as_cut->listed : cut(whole, partition_layers(list.weights(whole), out.pipeline.stages()));
  out.partition = llm_share(out.listed);
  out.table = make_cost_table(out.pipeline, {any_varies(out)});
  const bool overlap = job.training.overlap_transfers;
  const std::uint32_t stages = out.pipeline.stages();
  for (std::uint32_t stage = 0; stage < stages; ++stage)
    for (std::uint32_t m = 0; m < out.table.modules[kLlm].row; ++m) {
      const double sent = stage + 1 < stages ? list.handover_us(out.listed[stage].back(), m) : 0;
      const double back = stage > 0 ? list.handover_us(out.listed[stage - 1].back(), m) : 0;
      const double both = std::max(sent, back);  // a table has one transfer for what a stage sends either way
      const Handover handover{overlap ? both : sent, overlap ? both : back, overlap};
      fill_pass(out.table, kLlm, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{m},
                list.stage(out.listed[stage], m), handover);
    }
  out.model_flops = model_flops(out);
  refuse_overflow(out);
  return out;
}

}  // namespace bigmac
