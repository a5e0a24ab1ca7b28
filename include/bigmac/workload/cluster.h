// The machine: what a GPU, a node and the network of a cluster can do.
//
// First noun of the flow beside the model. Read from configs/clusters/*.json; every number there
// names its source. The constants of `KernelFit` are fitted to measured kernels (sim/cost/README.md
// says how) and are data here; the formulas that use them live in the cost room.
#pragma once

#include <string>

#include "bigmac/base/units.h"

namespace bigmac {

/// Constants of the roofline with wave quantisation for one matrix product (cost/kernels.h).
struct GemmFit {
  double peak_share = 0.8;         ///< share of the peak rate that a large product reaches
  double memory_share = 0.8;       ///< share of the HBM bandwidth that operand traffic reaches
  double launch_us = 4;            ///< time of the smallest kernel
  std::string source;              ///< what it was fitted to
  double heldout_median_error = 0; ///< relative, on shapes not used for the fit
};

struct Gpu {
  std::string name;               ///< "H100-80G"
  double bf16_tflops = 0;         ///< dense peak
  Bytes memory{};                 ///< what one GPU has
  double hbm_gbps = 0;            ///< GB/s, 1e9 bytes
  int multiprocessors = 0;
};

struct Node {
  int gpus = 8;
  double nvlink_gbps = 0;         ///< GB/s per GPU and direction
};

struct Network {
  double gbps_per_gpu = 0;        ///< GB/s per GPU and direction between nodes
  double latency_us = 0;
};

struct Cluster {
  std::string name;
  int gpus = 0;                   ///< how many the job uses
  Gpu gpu;
  Node node;
  Network network;
};

}  // namespace bigmac
