// What one layer costs on one GPU under a parallel plan: time of F, I, W, R and bytes, by formula.
//
// The analytic half of the cost room, between the model's operators (workload/model.h) and the
// cost table that schedules see. Pure functions; every formula names its source in sim/cost/README.md.
#pragma once

#include <vector>

#include "bigmac/base/units.h"
#include "bigmac/workload/cluster.h"
#include "bigmac/workload/model.h"
#include "bigmac/workload/parallel_plan.h"

namespace bigmac {

/// The degrees one module runs under, seen from one GPU, and the choices that change what its layers cost.
struct LayerPlan {
  int tp = 1;                     ///< tensor parallel, within a node where it fits
  int cp = 1;                     ///< context parallel: each GPU has tokens / cp
  int ep = 1;                     ///< expert parallel: GPUs that share one set of routed experts
  bool sequence_parallel = true;  ///< needs tp > 1 to matter
  Recompute recompute = Recompute::none;
  bool frozen = false;          ///< no weight gradients
  bool flash_attention = true;  ///< one kernel; otherwise products, softmax and dropout one by one
  bool dropout = false;         ///< after attention's softmax (where it is not fused) and before each residual addition
  bool overlap_tensor = false;  ///< tp traffic runs in pieces beside the products it feeds or follows
  int most_pieces = 0;          ///< kernels are looked at, cut into at most so many pieces by samples; 0: they are not
  bool dispatch_once = false;   ///< a token crosses to each node of its experts once
};

/// The tokens of one microbatch that a layer sees, over all GPUs of its tp x cp group.
struct LayerLoad {
  double tokens = 0;
  double pairs = 0;  ///< sum over sequences (or images) of length^2, unmasked
};

/// How much of each kind of traffic inside a layer delays it: 1 all of it, 0 none. Measured iteration times are met
/// best with all of it exposed (sim/cost/README.md, "Layers"); a fit to other machines may find less.
struct ExposedShares {
  double forward = 1;     ///< tp traffic of F, and of the row products in the backward
  double all_to_all = 1;  ///< to and from experts, both passes
  /// Gathering inputs again for the weight gradient. Korthikanti et al. 2022 (2205.05198, 4.2.2) and Megatron-Core
  /// (tensor_parallel/layers.py) start it beside the product of the input gradient.
  double regather = 1;
  /// Reducing the column products' input gradients, which Megatron-Core starts beside the product of the weight
  /// gradient. Counts in full where a frozen layer has none.
  double column_gradient = 1;
  /// Of what a step of the key-value ring takes longer than the attention it runs beside (Liu et al. 2023, 2310.01889,
  /// 3).
  double ring = 1;
  /// Adding products into fp32 weight gradients, which the product's own arithmetic may hide.
  double accumulation = 1;
};

/// What one pass of a layer waits for, and what it consists of: where work of another module may run beside it
/// (schedule/rides.h). Means over the pass, on the safe side.
struct PassShape {
  double waits = 0;    ///< for tensor-parallel traffic: a block's scatter and the next one's gather count as one
  double wait_us = 0;  ///< the shortest of them
  double end_us = 0;   ///< with sequence parallelism: the first gather and the last scatter, joined to nothing
  /// Compute kernels, if all were as long as the longest, and how long that is, run in `pieces`; none where nobody
  /// asks.
  double kernels = 0, kernel_us = 0, pieces = 1;
  double communication_us = 0;  ///< exposed traffic inside the pass

  /// The pass of both layers; a recomputed forward and its backward.
  void add(const PassShape& other);
};

/// Microseconds on one GPU, communication included; bytes on one GPU. All 0 without tokens.
struct LayerCost {
  double forward_us = 0;
  double input_gradient_us = 0;
  double weight_gradient_us = 0;
  double recompute_us = 0;      ///< runs in front of the backward, already part of input_gradient_us: 0 for none
  double communication_us = 0;  ///< share of forward_us that is exposed tp / cp / ep traffic
  double activation_bytes = 0;  ///< kept from F to the end of the backward
  double transient_bytes = 0;   ///< most held besides that, while F or the backward runs
  double model_flops = 0;       ///< forward, useful, over all GPUs of the group: 2 per multiply-add, attention included
  double backward_flops = 0;    ///< the same of the backward that is run: as much for each of I and W
  PassShape forward = {}, backward = {};
};

/// Degrees need not divide the layer's sizes: shares are fractions. A frozen layer's input gradient is given in full:
/// only the caller knows whether anything trainable lies before it. Recompute concerns transformer layers alone, as in
/// Megatron-Core.
LayerCost layer_cost(const Cluster& cluster, const Layer& layer, const LayerPlan& plan, const LayerLoad& load,
                     const ExposedShares& exposed = {});

/// layer_cost()'s bytes alone.
struct LayerBytes {
  double activation = 0, transient = 0;
};
LayerBytes layer_bytes(const Cluster& cluster, const Layer& layer, const LayerPlan& plan, const LayerLoad& load);

/// Parameters one GPU holds of a layer: tp cuts what is cut by tp, ep the routed experts.
struct LayerParameters {
  double dense = 0;   ///< replicated over dp x cp
  double expert = 0;  ///< replicated over dp x cp x tp / ep (expert tensor parallelism 1)
};
LayerParameters layer_parameters(const Layer& layer, const LayerPlan& plan);

/// Bytes of one GPU's model state in mixed precision (bf16 weights; fp32 gradients, master weights, two moments).
struct StateBytes {
  double weights = 0, gradients = 0, optimizer = 0;
};
/// `shards`: data-parallel ranks that share the optimizer state (1 without a distributed optimizer).
/// 18 bytes per parameter, 6 + 12 / shards distributed; frozen: 2.
StateBytes state_bytes(double parameters, int shards, bool frozen);

}  // namespace bigmac
