// What each rank holds, when, and which operation stands at the peak.
//
// Eighth noun of the flow. Activation bytes appear at the start of F and go at the end of B (of W where the
// backward is split); at one instant, what goes, goes first: a pass holds its bytes over the half-open interval
// [start of F, end of B). Transient bytes are held only while their operation runs. A rank runs one operation at a time
// in its listed order, so a running sum along that order is exact and nothing needs sorting.
#pragma once

#include <array>
#include <vector>

#include "bigmac/engine/timing.h"

namespace bigmac {

inline constexpr int kRoles = 3;  ///< indexed by Role

struct RankActivations {
  Bytes peak{};                              ///< of kept activations alone
  Bytes peak_with_transient{};               ///< kept plus the running operation's transient bytes
  std::uint32_t peak_op = 0;                 ///< index into Schedule::ops where peak_with_transient stands
  std::array<Bytes, kRoles> kept_at_peak{};  ///< by role, at peak_op
  Bytes transient_at_peak{};
  std::array<std::uint32_t, kRoles> live{};  ///< most passes held at once: encoder, LLM chunks, generator
  Nanoseconds busy{};
};

std::vector<RankActivations> account_activations(const Pipeline& pipeline, const Schedule& schedule,
                                                 const CostTable& costs, const TaskGraph& graph, const SlotCosts& slots,
                                                 const Timing& timing);

/// The same from the order alone, without a graph: exact where every operation takes some time, otherwise no less than
/// the truth.
std::vector<RankActivations> activations_in_order(const Pipeline& pipeline, const Schedule& schedule,
                                                  const CostTable& costs);

/// One step of a rank's memory over time: `kept` bytes by role from `at` on.
struct MemoryStep {
  Nanoseconds at{};
  std::array<Bytes, kRoles> kept{};
  Bytes transient{};
};

/// The whole course of one rank, for traces and reports.
std::vector<MemoryStep> activation_timeline(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs,
                                            const TaskGraph& graph, const SlotCosts& slots, const Timing& timing,
                                            RankId rank);

}  // namespace bigmac
