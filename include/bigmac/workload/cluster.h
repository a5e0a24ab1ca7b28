// The machine: what a GPU, a node and the network of a cluster can do.
//
// First noun of the flow beside the model. Read from configs/clusters/*.json; every number there
// names its source. The constants of workload/kernel_fit.h are fitted to measured kernels by
// bigmac-fit-kernels and are data here; the formulas that use them live in cost/kernels.h.
#pragma once

#include <map>
#include <string>

#include "bigmac/base/units.h"
#include "bigmac/workload/kernel_fit.h"

namespace bigmac {

struct Gpu {
  std::string name;        ///< "H100-80G"
  double bf16_tflops = 0;  ///< dense peak
  Bytes memory{};          ///< what one GPU has
  double hbm_gbps = 0;     ///< GB/s, 1e9 bytes
  int multiprocessors = 0;
  double hbm_share = 0.8;  ///< share of the HBM bandwidth that elementwise kernels reach
  double launch_us = 4;    ///< time of the smallest kernel
  std::string source;      ///< of the numbers above
  GemmFit gemm;
  AttentionFit attention;
};

struct Node {
  int gpus = 8;
  double nvlink_gbps = 0;                            ///< GB/s per GPU and direction
  std::map<std::string, CollectiveFit> collectives;  ///< by name, "all_reduce", ...
  std::string source;
};

struct Network {
  double gbps_per_gpu = 0;  ///< GB/s per GPU and direction between nodes
  double share = 1;         ///< share of it that large messages reach
  double latency_us = 0;    ///< of one step between nodes
  std::string source;
};

struct Cluster {
  std::string name;
  int gpus = 0;  ///< how many the job uses; 0 where the cluster file leaves it to the job
  Gpu gpu;
  Node node;
  Network network;
  TrainingFit training;
};

/// Reads a bigmac.cluster/1 file; throws Error{bad_input}.
Cluster load_cluster(const std::string& path);
/// The same from text; `file` names it in messages.
Cluster parse_cluster(const std::string& text, const std::string& file);
/// The bigmac.cluster/1 text that parse_cluster reads back. `collectives` must be complete.
std::string cluster_text(const Cluster& cluster);
/// Writes that text to a file; throws Error{bad_input} with the system's reason.
void save_cluster(const Cluster& cluster, const std::string& path);

}  // namespace bigmac
