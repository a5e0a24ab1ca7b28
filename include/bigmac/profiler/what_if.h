// What if: other durations on the same graph.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bigmac/profiler/replay.h"
#include "bigmac/workload/cluster.h"

namespace bigmac {

/// Durations of GPU operations whose name (or layer) matches are multiplied.
struct Scale {
  std::string pattern;  ///< regular expression (ECMAScript), found anywhere in the name
  double factor = 1;
};

/// One GPU's time over another's, by what bounds a kernel: the roofline's corners, not its slopes.
struct GpuRatio {
  double arithmetic = 1, memory = 1, links = 1;
};

/// From the peaks that two cluster files state.
GpuRatio gpu_ratio(const Cluster& from, const Cluster& to);

struct WhatIf {
  std::vector<Scale> kernels, layers;
  double communication = 1;  ///< 0 removes it
  std::optional<GpuRatio> gpu;
};

/// What one Scale or ratio touched.
struct Touched {
  std::string what;
  std::size_t operations = 0;
  Nanoseconds before, after;
};

/// Costs of the graph under `what_if`. `layer_of` names the layer of each event, by event; empty where layers play no
/// part. Throws Error{bad_input} on a pattern that is no regular expression or a factor out of [0, 1000].
SlotCosts what_if_costs(const Trace& trace, const ReplayGraph& graph, const std::vector<NameId>& layer_of,
                        const WhatIf& what_if, std::vector<Touched>& touched);

}  // namespace bigmac
