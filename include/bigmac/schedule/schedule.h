// A schedule: for every rank, the order of its operations. Nothing else.
//
// Builders emit an explicit order; the executor that follows knows no policy. Operations of all
// ranks lie in one array, rank after rank, so that a pass over them is a pass over memory.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "bigmac/workload/pipeline.h"

namespace bigmac {

/// Kernels of an encoder operation that run inside the tensor-parallel waits of an LLM operation of the same rank
/// (rides.h). What rides is taken off the encoder operation's cost; the LLM operation lasts as long as without it.
struct Ride {
  Op host;   ///< of the LLM
  Op guest;  ///< of an encoder, part 0 of 1
  std::uint32_t kernels = 0;
  bool at_ends = false;  ///< in the waits at the host's begin and end, not in those between its blocks

  friend bool operator==(const Ride&, const Ride&) = default;
};

struct Schedule {
  std::string name;                                ///< as in the registry: "bigmac"
  std::string base;                                ///< the LLM pipeline beneath, or empty
  std::map<std::string, std::int64_t> parameters;  ///< as used, defaults filled in
  std::vector<std::string> notes;                  ///< what the builder decided by itself, for reports
  std::vector<Op> ops;                             ///< rank after rank, in execution order
  std::vector<std::uint32_t> first;                ///< ranks + 1 offsets into ops
  std::vector<MicrobatchId> microbatch_order;      ///< position -> the job's microbatch; empty: as given
  std::vector<Ride> rides;  ///< by rank and in execution order of the hosts; to be timed with costs_as_run()

  std::uint32_t ranks() const { return static_cast<std::uint32_t>(first.size()) - 1; }
  std::span<const Op> rank_ops(RankId rank) const {
    return {ops.data() + first[rank.value], ops.data() + first[rank.value + 1]};
  }
};

}  // namespace bigmac
