// The LLM's layers over virtual stages: the partition whose dearest stage takes least, under every stage's memory.
//
// Part of the cost room: plan_costs.h asks for it once a plan's layers are costed, before any schedule is known.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace bigmac {

/// first[s] .. first[s+1]: the layers of virtual stage s.
using Partition = std::vector<std::uint32_t>;

/// One layer as a partition sees it. Bytes on one GPU.
struct PartitionLayer {
  std::int64_t work = 0;  ///< ns of F + I + W
  double state = 0;       ///< weights, gradients, optimizer
  double kept = 0;        ///< activations of one microbatch
  double transient = 0;   ///< held beside them while a pass runs
  /// Where the layer runs its forward again for the backward: more work, less kept. Absent: it is not free to.
  struct Again {
    std::int64_t work = 0;
    double kept = 0, transient = 0;
  };
  std::optional<Again> again;
};

/// What a stage may hold.
struct PartitionStage {
  double live = 1;  ///< microbatches held at once: min(M, P - i) for stage i of 1F1B
  double room = 0;  ///< bytes for sum of state + live x sum of kept + most transient (of layers run again, of either)
};

struct PartitionPlan {
  Partition first;
  std::vector<std::uint32_t> again;  ///< by stage: how many of its layers, the first that are free to, run again
  std::int64_t slowest = 0;          ///< work of the dearest stage
};

/// Contiguous, every stage with a layer, every stage within its room, the least possible work of the dearest stage. A
/// stage runs again as few layers as its room asks for, its first ones. Ties leave early stages light. Nothing where no
/// partition fits. Exact: see sim/cost/partition.cpp.
std::optional<PartitionPlan> partition_within(const std::vector<PartitionLayer>& layers,
                                              const std::vector<PartitionStage>& stages);

}  // namespace bigmac
