// The constants of the kernel formulas: data of the cluster, fitted to measured kernels.
//
// The formulas are in cost/kernels.h, the fit in apps/fit_kernels.cpp, and one table per struct
// names its constants and their ranges, so that the reader, the fitter and the tests agree.
#pragma once

#include <string>
#include <vector>

namespace bigmac {

/// Where a fit comes from and what it reaches on shapes that it has not seen.
struct FitRecord {
  std::string source;               ///< the measurements
  int shapes = 0;                   ///< measured shapes; about half of them held out
  double heldout_median_error = 0;  ///< relative, on the held-out half
  double heldout_p95_error = 0;
};

/// One matrix product: the best of several tile shapes and splits of k, each a sum of waves.
struct GemmFit {
  double launch_us = 2.5;     ///< what the smallest product takes
  double peak_share = 0.85;   ///< share of the peak rate inside a full tile
  double fill_k = 100;        ///< elements of k whose time a tile's prologue and epilogue take
  double operand_gbps = 60;   ///< operands one multiprocessor can fetch, GB/s
  double hbm_share = 0.85;    ///< share of the HBM bandwidth that operand traffic reaches
  double cache_mb = 40;       ///< footprint up to which operands stay in the L2 cache, 1e6 bytes
  double cache_gbps = 5000;   ///< bandwidth of a product that lives in the cache
  double overlap = 4;         ///< exponent joining tile and memory time; large: a perfect overlap
  double quantisation = 0.7;  ///< 1: whole waves; 0: waves may be fractions
  double grouping = 0.5;      ///< share of a whole round that the last, partial round of small tiles takes
  double split_us = 2;        ///< extra time of a product whose k is split over blocks
  double balance_us = 5;      ///< further time when k is split though the tiles fill the GPU
  double power_loss = 0.03;   ///< rate lost per doubling of the time beyond 100 us (power limit)
  FitRecord record;
};

/// One fused attention kernel.
struct AttentionFit {
  double launch_us = 10;      ///< what the smallest kernel takes
  double peak_share = 0.6;    ///< share of the peak rate reached by long sequences
  double fill_keys = 300;     ///< keys whose time the prologue and epilogue of a row of queries take
  double narrow_share = 0.8;  ///< rate at head width 64 over the rate at 128
  double hbm_share = 0.7;     ///< share of the HBM bandwidth that q, k, v and o reach
  double kv_weight = 1;       ///< passes over k and v per pass over q and o
  double block_rows = 128;    ///< query rows of the block that ends last
  FitRecord record;
};

/// One collective inside a node, among n GPUs.
struct CollectiveFit {
  double base_us = 5;            ///< smallest message
  double step_us = 1;            ///< more per rank beyond two
  double bandwidth_share = 0.8;  ///< share of NVLink that large messages reach, n = 8
  double pair_share = 0.8;       ///< rate of two GPUs over the rate of eight
  double ramp_us = 10;           ///< extra latency of the protocol for large messages
  double low_share = 0.2;        ///< rate of the protocol for small messages over that for large
  FitRecord record;
};

/// What a training step adds to kernels measured one at a time: fitted to published iteration times of one GPU type by
/// bigmac-calibrate, or these textbook values where a cluster file gives none.
struct TrainingFit {
  double product_scale = 1;  ///< time of a matrix product in a step over the time measured alone (sustained power)
  /// Time of a layer's norms, activations and other memory-bound kernels over what their least bytes take: less fusion,
  /// reductions, short kernels.
  double traffic_scale = 1;
  double collective_scale = 1;  ///< the same of a collective inside a node
  double host_us = 10;          ///< the host launches one operator in this time: a pass takes no less
  double step_us = 20'000;      ///< a step's fixed part: data, norms, logging, synchronisation
  FitRecord record;
};

/// A constant's name in the cluster file, its place, and the range that the reader and fitter accept.
template <class Fit>
struct Constant {
  const char* name;
  double Fit::*member;
  double low;
  double high;
};

const std::vector<Constant<GemmFit>>& gemm_constants();
const std::vector<Constant<AttentionFit>>& attention_constants();
const std::vector<Constant<CollectiveFit>>& collective_constants();
const std::vector<Constant<TrainingFit>>& training_constants();

}  // namespace bigmac
