// Costs as a job file gives them: numbers, arrays per stage, arrays per microbatch.
//
// The abstract form of a job (schema bigmac.job/1) has no model; it states what each pass costs.
// The cost room turns this into the same CostTable that a real model's costs become.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bigmac {

/// One quantity of one module by stage and microbatch; dimensions of size 1 are constant.
struct CostSeries {
  std::uint32_t stages = 1;
  std::uint32_t microbatches = 1;
  std::vector<std::int64_t> values;  ///< stages x microbatches, row-major; empty: absent

  bool absent() const { return values.empty(); }
  std::int64_t at(std::uint32_t stage, std::uint32_t microbatch) const {
    return values[(stages == 1 ? 0 : stage) * static_cast<std::size_t>(microbatches) +
                  (microbatches == 1 ? 0 : microbatch)];
  }
};

/// Where encoder kernels may run beside the LLM (cost/cost_table.h, RideShape); absent: nowhere.
struct GivenRides {
  CostSeries count, length;
  CostSeries end_count, end_length;  ///< absent: 0
  CostSeries per_wait;               ///< absent: all
  CostSeries communication;          ///< absent: 0
};

/// Times in ns, sizes in bytes.
struct GivenModuleCosts {
  std::string name;
  CostSeries forward, backward;
  CostSeries input_gradient, weight_gradient;  ///< absent: halves of backward (I rounded down)
  CostSeries recompute;                        ///< absent: forward
  CostSeries activation_bytes, transfer;       ///< absent: 0
  GivenRides forward_rides = {}, backward_rides = {};
};

/// The LLM first, then encoders, then generators: the order of Pipeline::modules.
using GivenCosts = std::vector<GivenModuleCosts>;

}  // namespace bigmac
