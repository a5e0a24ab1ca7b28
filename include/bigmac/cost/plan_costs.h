// A model under a parallel plan, as costs: what schedules, the engine and the memory room are given.
//
// Third arrow of the flow: (model, cluster, loads, plan) -> CostTable and the bytes and times that no schedule changes.
// One data-parallel replica is costed: its pipeline of pp ranks, each rank a group of tp x cp GPUs that act as one. All
// bytes are per GPU.
#pragma once

#include <memory>
#include <vector>

#include "bigmac/cost/cost_table.h"
#include "bigmac/cost/layer_cost.h"
#include "bigmac/cost/partition.h"
#include "bigmac/workload/job.h"
#include "bigmac/workload/parallel_plan.h"

namespace bigmac {

/// One module's layers under one plan and load, layers alike costed once.
struct ModuleProfile {
  std::vector<LayerCost> layers;  ///< in the module's order
  std::vector<LayerParameters> parameters;
  double transfer_bytes = 0;  ///< per GPU
};

/// Which layers of a module are trained, and which run a backward: those that are trained or follow something that is.
struct TrainedLayers {
  std::vector<bool> trained, backward;
  bool any_backward() const;
};
/// Of the `index`-th module with that role. Throws Error{bad_input} where the job trains nothing.
TrainedLayers trained_layers(const Job& job, Role role, std::size_t index);

/// The LLM for one microbatch of `load`.
ModuleProfile llm_profile(const Job& job, const ParallelPlan& plan, const MicrobatchLoad& load);

/// GPUs that share one copy of an encoder's or generator's weights under plan.shard_sides: those of a node, by module
/// tp.
int shard_group(const Job& job, const ParallelPlan& plan, int tp);

/// Sums of times and bytes, and the most transient bytes, of a run of layers.
LayerCost sum_of(const LayerCost* first, const LayerCost* last);

/// The encoder's (or generator's) whole cost for each microbatch on one rank, and what it holds. The rank's tp x cp
/// GPUs form tp x cp / module tp replicas that share the images; the busiest takes ceil(images / replicas) of them.
struct SideCosts {
  std::vector<LayerCost> by_microbatch;     ///< sums over its layers (transient: the most)
  std::vector<LayerParameters> parameters;  ///< by layer
  std::vector<bool> trained;                ///< by layer
  std::vector<double> transfer_bytes;       ///< by microbatch, per GPU, handing the result to another rank
  std::vector<double> inner_bytes;          ///< by microbatch, per GPU, handing one layer's output to another rank
  std::vector<std::uint32_t> kind;          ///< by layer: layers alike are of one kind
  /// By microbatch, one layer of each kind; by_microbatch is the sum over all layers.
  std::vector<std::shared_ptr<const std::vector<LayerCost>>> kinds_by_microbatch;

  const LayerCost& layer(std::uint32_t microbatch, std::uint32_t i) const {
    return (*kinds_by_microbatch[microbatch])[kind[i]];
  }
};
SideCosts side_costs(const Job& job, const ParallelPlan& plan, Role role, std::size_t index,
                     const std::vector<MicrobatchLoad>& loads);

/// The dear part of side_costs(), the same for every way of recomputing and sharding: [load][layer] without either,
/// layers alike once.
using SideLayers = std::vector<std::vector<LayerCost>>;
SideLayers side_layers(const Job& job, const ParallelPlan& plan, Role role, std::size_t index,
                       const std::vector<MicrobatchLoad>& loads);
/// From layers costed for the same module, degrees and at least these loads; recomputation of nothing or everything.
SideCosts side_costs(const Job& job, const ParallelPlan& plan, Role role, std::size_t index,
                     const std::vector<MicrobatchLoad>& loads, const SideLayers& layers);

/// The contiguous partition into `stages` non-empty stages whose dearest stage (F + I + W) is least, whatever they
/// hold. Throws Error{bad_input} when there are fewer layers than stages.
Partition partition_layers(const std::vector<LayerCost>& layers, std::uint32_t stages);

/// Profiles are shared between the plans they fit.
using SharedProfile = std::shared_ptr<const ModuleProfile>;
using SharedSide = std::shared_ptr<const SideCosts>;

/// Layers [first, last) of one module, in a stage of a list of all layers.
struct ListedLayers {
  Role role = Role::llm;
  std::size_t index = 0;  ///< among the encoders or generators
  std::uint32_t first = 0, last = 0;
};

/// By stage, the runs of layers it holds.
using StageList = std::vector<std::vector<ListedLayers>>;

/// The LLM's layers as the plan runs them; under Recompute::partial as they are when nothing runs again, and again.
struct LlmProfiles {
  SharedProfile layers;
  SharedProfile again;  ///< of partial recompute alone
};

/// What is known of a plan before any schedule.
struct PlanCosts {
  Pipeline pipeline;
  CostTable table;
  Partition partition;                  ///< of the LLM's layers
  StageList listed;                     ///< where the plan has one list of layers; else empty
  std::vector<Partition> encoder_cuts;  ///< by encoder: its layers over the plan's encoder_pp stages
  std::vector<std::uint32_t>
      again;  ///< by stage, partial recompute alone: its first so many transformer layers run again
  SharedProfile llm;
  std::vector<SharedSide> encoders, generators;
  double model_flops = 0;  ///< useful FLOPs of one replica's step, forward and backward, recompute not counted
};

/// Puts profiles together. `encoders` and `generators` hold at least `microbatches` entries. With plan.one_list the
/// pipeline has the LLM alone, its stages runs of any module's layers, `listed` by stage. The list and the encoders are
/// cut as they are in `as_cut` where that is given, so that other data can be costed under the same cut.
PlanCosts plan_costs(const Job& job, const ParallelPlan& plan, std::int64_t microbatches, LlmProfiles llm,
                     std::vector<SharedSide> encoders, std::vector<SharedSide> generators,
                     const PlanCosts* as_cut = nullptr);

/// A list of all layers before its table is filled: what bounds need, at a tenth of the price.
struct ListOutline {
  PlanCosts costs;               ///< pipeline, partition, listed and profiles
  std::vector<double> work_us;   ///< by stage: F, I and W of all microbatches
  std::vector<double> least_us;  ///< by stage, of the first P: of the microbatch that takes least there; else 0
};
/// `apart`: the costs of the plan without the list. The list is cut by time. Throws Error{bad_input} when there are
/// fewer layers than stages.
ListOutline list_outline(const Job& job, const ParallelPlan& plan, const PlanCosts& apart);

/// Bytes of one GPU of a rank that do not change during the step.
struct RankState {
  double weights = 0, gradients = 0, optimizer = 0, buffers = 0;
  double total() const { return weights + gradients + optimizer + buffers; }
};

/// Which rank holds which stages of each module (schedule/residency.h reads it off a schedule).
struct Residency {
  std::vector<IdVector<ModuleId, std::vector<bool>>> stages;  ///< [rank][module][stage]

  bool holds(std::uint32_t rank, ModuleId module) const;
  /// Ranks that hold a stage of a module.
  std::uint32_t holders(ModuleId module, std::uint32_t stage) const;
};
/// No rank holds anything.
Residency nowhere(const Pipeline& pipeline);

/// Where a schedule puts encoders and generators: with the first and last stage, on every rank, on ranks that it
/// chooses (`free_sides`), on such ranks with LLM stages and split backwards as it likes too (`anywhere`), on ranks of
/// their own that run no LLM (`own_ranks`), or cut over all stages in one list with the LLM's layers (`one_list`).
enum class SidePlacement { first_and_last, every_rank, free_sides, anywhere, own_ranks, one_list };
/// The residency of the default stage placement (stage mod ranks) under `sides`; where they are free, LLM stages alone.
Residency default_residency(const Pipeline& pipeline, SidePlacement sides);

/// A stage of an encoder or generator held by k ranks is data parallel over k as well.
std::vector<RankState> rank_states(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                   const Residency& where);
/// What a rank holds besides activations, on one of its GPUs.
struct HeldBytes {
  Bytes llm;     ///< model state and buffers where it runs no encoder or generator
  Bytes sides;   ///< more where it does
  Bytes shared;  ///< and this, over the ranks that hold the same stage: optimizer state sharded over them
};
/// By rank under the default stage placement, of encoders the stage that holds most; rounded up.
std::vector<HeldBytes> held_bytes(const Job& job, const ParallelPlan& plan, const PlanCosts& costs);

/// What a step takes besides its pipeline, in us, on the rank where it is longest.
struct OutsidePipeline {
  double gradients_us = 0;   ///< exposed reduce-scatter (or all-reduce)
  double parameters_us = 0;  ///< exposed all-gather of updated parameters (distributed optimizer)
  double optimizer_us = 0;   ///< its traffic, and the fixed part of a step
  double total_us() const { return gradients_us + parameters_us + optimizer_us; }
};

/// One module's share of what a GPU holds and of what a step takes outside the pipeline, none of it hidden in slack and
/// without the fixed part of a step.
struct ModuleDemand {
  RankState state;
  OutsidePipeline outside;
};
/// Model state of each of the LLM's layers.
std::vector<double> llm_layer_states(const Job& job, const ParallelPlan& plan, const ModuleProfile& llm);
/// What pipeline communication holds for good.
double buffer_bytes(const PlanCosts& costs);
/// The LLM on a rank under the default stage placement; communication buffers are counted here.
ModuleDemand llm_demand(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, std::uint32_t rank);
/// A stage of an encoder or generator on each of `holders` ranks.
ModuleDemand side_demand(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, ModuleId module,
                         std::uint32_t stage, std::uint32_t holders);

/// What a rank does, or waits, while it needs no LLM weights and owes no LLM gradients: from the start of the step to
/// its first LLM forward, and from its last LLM operation to the end (planner/llm_slack.h reads it off a timed
/// schedule). The LLM's data-parallel traffic runs beside that: later stages wait for the first forward, early ones do
/// encoder work.
struct RankSlack {
  double before_us = 0, after_us = 0;
};
/// `slack`: by rank, empty for none.
OutsidePipeline outside_pipeline(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                 const Residency& where, const std::vector<RankSlack>& slack = {});

}  // namespace bigmac
