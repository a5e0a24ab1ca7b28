// What every operation costs: one row per (module, kind, stage, microbatch), by column.
//
// Fourth noun of the flow; the engine and the memory room read nothing else about costs. Where costs
// do not differ between microbatches a module keeps one row for all of them, so the table of a
// uniform job of half a million operations is a few kilobytes and stays in the first-level cache.
// An analytic model, a measured cost table and an abstract job all become this one struct.
#pragma once

#include <vector>

#include "bigmac/base/ids.h"
#include "bigmac/base/units.h"
#include "bigmac/workload/given_costs.h"
#include "bigmac/workload/op.h"
#include "bigmac/workload/pipeline.h"

namespace bigmac {

/// Where one module's rows lie.
struct CostRows {
  std::uint32_t first = 0;
  std::uint32_t stages = 1;
  std::uint32_t per_microbatch = 0;  ///< 1: one row per microbatch; 0: one for all
  std::uint32_t row = 1;             ///< rows of one stage: microbatches, or 1
};

/// What an operation offers to others, or is made of, where an encoder may run beside the LLM (schedule/rides.h).
struct RideShape {
  /// LLM: waits for tensor-parallel traffic, each at least `length` long, inside its duration. Encoder: compute
  /// kernels, each at most `length` long.
  std::uint32_t count = 0;
  Nanoseconds length{};
  std::uint32_t end_count = 0;  ///< LLM: more waits, at its begin and end, each at least `end_length` long
  Nanoseconds end_length{};
  std::uint32_t per_wait = 0;   ///< encoder: kernels between two of its own communications
  Nanoseconds communication{};  ///< encoder: its own, inside its duration
};

struct CostTable {
  IdVector<ModuleId, CostRows> modules;
  // Columns, indexed by slot().
  std::vector<Nanoseconds> duration;
  std::vector<Nanoseconds> transfer;  ///< end of the operation until a consumer on another rank may start
  std::vector<Bytes> activation;      ///< kept from the start of F to the end of B (or W); F rows only
  std::vector<Bytes> transient;       ///< held only while the operation runs
  std::vector<RideShape> rides;       ///< empty: no operation waits for tensor-parallel traffic

  std::uint32_t slot(ModuleId module, OpKind kind, StageId stage, MicrobatchId microbatch) const {
    const CostRows& rows = modules[module];
    return rows.first + (static_cast<std::uint32_t>(kind) * rows.stages + stage.value) * rows.row +
           rows.per_microbatch * microbatch.value;
  }
  std::uint32_t slot(const Op& op) const { return slot(op.module, op.kind, op.stage, op.microbatch); }
  std::size_t size() const { return duration.size(); }
};

/// Rows laid out and zero. `per_microbatch[module]`: whether its costs differ between microbatches.
/// Throws Error{bad_input} above 2^28 rows.
CostTable make_cost_table(const Pipeline& pipeline, const std::vector<bool>& per_microbatch);

/// The costs an abstract job states. B = I + W where the job does not give them apart.
CostTable cost_table_from(const Pipeline& pipeline, const GivenCosts& given);

/// The reverse, for writing a job that any tool can re-time: one GivenModuleCosts per module.
GivenCosts given_costs_from(const Pipeline& pipeline, const CostTable& costs);

}  // namespace bigmac
