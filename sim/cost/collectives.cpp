// Transfers and collectives.
//
// Inside a node: the better of two protocols, a fast-starting slow one and a slow-starting fast one
// (as NCCL's LL and Simple, src/graph/tuning.cc), each latency + traffic / bandwidth, where every
// rank sends 2(n-1)/n of the buffer in an all-reduce and (n-1)/n in the others (nccl-tests,
// PERFORMANCE.md). Between nodes: the ring's or the exchange's share that crosses, over one network
// port per GPU, and one step's latency per node (2 log2 for the all-reduce's tree).
#include <algorithm>
#include <cmath>

#include "bigmac/base/error.h"
#include "bigmac/cost/kernels.h"
#include "kernel_parts.h"

namespace bigmac {
namespace {

// One step over NVLink of a collective that also crosses nodes (NCCL src/graph/tuning.cc: hwLat, NVLINK, Simple).
constexpr double kNodeStepUs = 4;

double traffic(Collective collective, double n) { return (collective == Collective::all_reduce ? 2 : 1) * (n - 1) / n; }

/// Time inside a node. `n` ranks carry on as if alone there.
double node_us(const Node& node, const CollectiveFit& fit, double sent, double n) {
  const double grown = std::min(1.0, std::log2(n / 2) / 2);  // 0 for a pair, 1 from eight on
  const double share = fit.bandwidth_share * std::pow(fit.pair_share, 1 - grown);
  const double large = per_us(sent, share * node.nvlink_gbps);
  const double segmented = large + 2 * std::sqrt(large * fit.ramp_us) + fit.ramp_us;
  return fit.base_us + fit.step_us * (n - 2) + std::min(large / fit.low_share, segmented);
}

const CollectiveFit& fit_of(const Cluster& cluster, Collective collective) {
  const auto found = cluster.node.collectives.find(name(collective));
  if (found == cluster.node.collectives.end())
    bad_input(cluster.name, std::string("no constants for the collective ") + name(collective));
  return found->second;
}

/// Time that crossing nodes takes. A ring enters and leaves each node once per port: `local` ports carry what each rank
/// sends; it takes n-1 steps (an all-reduce twice), of which nodes-1 cross (NCCL, src/graph/tuning.cc). In an
/// all-to-all every rank's port carries its own remote part.
double network_us(const Cluster& cluster, Collective collective, double bytes, double n, double local) {
  const double nodes = std::ceil(n / local);
  const double port = cluster.network.share * cluster.network.gbps_per_gpu;
  const double across = collective == Collective::all_reduce ? 2 * std::log2(nodes) : nodes - 1;
  const double inside = collective == Collective::all_reduce   ? 2 * (local - 1)
                        : collective == Collective::all_to_all ? 0
                                                               : n - nodes;
  const double sent =
      collective == Collective::all_to_all ? bytes * (n - local) / n : bytes * traffic(collective, n) / local;
  return across * cluster.network.latency_us + inside * kNodeStepUs + per_us(sent, port);
}

}  // namespace

const char* name(Collective collective) {
  switch (collective) {
    case Collective::all_reduce: return "all_reduce";
    case Collective::all_gather: return "all_gather";
    case Collective::reduce_scatter: return "reduce_scatter";
    case Collective::all_to_all: return "all_to_all";
  }
  return "";
}

double collective_us(const Cluster& cluster, Collective collective, double bytes, int group, int ranks_per_node) {
  if (group <= 1 || !(bytes > 0)) return 0;
  const double n = group;
  const double local = std::clamp(ranks_per_node, 1, group);
  const CollectiveFit& fit = fit_of(cluster, collective);
  if (local >= n) return node_us(cluster.node, fit, bytes * traffic(collective, n), n);
  const double across = network_us(cluster, collective, bytes, n, local);
  if (local < 2) return fit.base_us + across;
  const double share = collective == Collective::all_to_all ? (local - 1) / n : traffic(collective, n);
  return std::max(node_us(cluster.node, fit, bytes * share, local), fit.base_us + across);
}

double transfer_us(const Cluster& cluster, double bytes, bool same_node) {
  if (!(bytes > 0)) return 0;
  const Network& network = cluster.network;
  if (!same_node) return network.latency_us + per_us(bytes, network.share * network.gbps_per_gpu);
  // One direction of one link pair: what the all-to-all of two ranks, each sending half, reaches.
  return node_us(cluster.node, fit_of(cluster, Collective::all_to_all), bytes, 2);
}

}  // namespace bigmac
