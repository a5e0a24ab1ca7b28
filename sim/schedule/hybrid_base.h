// The LLM pipeline that hybrid fills: its order by positions, and how late each operation may start. Private to the
// schedule room.
//
// Alone and as soon as possible the order takes `span`. Backwards from its end, latest(o) = span - (longest way from
// the start of o to the end, over the order of ranks, dependencies and transfers) is the latest start of o that keeps
// the span: ALAP. If every operation starts by latest + D, the pipeline ends by span + D.
//
// 4 ranks, V = 1, M = 4, tF = 1, tB = 2, a = 1 (start in time and latest start of rank 3's operations):
//   F0 3/3  B0 4/4  F1 6/6  B1 7/7 ...    rank 0: F0 0/0  F1 1/2  F2 2/4  F3 3/6  B0 10/10
//
// Weight gradients apart: where backwards are split, W may be taken out of the order. What is timed is then F and I
// alone; a W is work that its rank may do at any time after its I.
#pragma once

#include <optional>

#include "bigmac/schedule/llm_base.h"

namespace bigmac::hybrid {

inline constexpr std::uint32_t kNone = UINT32_MAX;

/// What an operation of the LLM means to encoders and generators.
enum LlmTag : std::uint8_t {
  kFirstForward = 1,   ///< F on stage 0: waits for the encoders
  kFirstGradient = 2,  ///< B or I on stage 0: sets the encoders' backward free
  kLastForward = 4,    ///< F on the last stage: sets the generators free
  kLastGradient = 8,   ///< B or I on the last stage: waits for the generators
  kHolds = 16,         ///< F: its activations appear
  kReleases = 32       ///< B or W: its activations go
};

struct LlmTask {
  std::int64_t duration = 0, transfer = 0;
  std::int64_t latest = 0;
  std::uint32_t input = kNone;     ///< task on another rank
  std::uint32_t consumer = kNone;  ///< task on another rank that waits for this one
  std::uint32_t forward = kNone;   ///< of B, I and W: the forward of the same stage and position, on the same rank
  std::uint32_t weight = kNone;    ///< of I: its W, where weight gradients are apart
  std::uint32_t position = 0;
  std::uint16_t rank = 0;
  std::uint8_t tags = 0;
};

struct LlmClock {
  std::vector<LlmTask> tasks;        ///< rank after rank, in execution order; then weight gradients that are apart
  std::vector<Op> ops;               ///< the same, as operations on positions
  std::vector<std::uint32_t> first;  ///< ranks + 1 offsets
  bool weights_apart = false;
  std::int64_t span = 0;
  std::vector<std::int64_t> head;  ///< by rank: when its first operation can start at the soonest
  std::int64_t mean_forward = 0, mean_backward = 0;
  std::uint32_t most_live = 0;                         ///< chunk activations on any rank, with W where the order has it
  std::vector<std::int64_t> forward_due;               ///< by position: latest of F on stage 0
  std::vector<std::int64_t> gradient_due;              ///< by position: latest of the gradient on the last stage
  std::vector<std::uint32_t> forward_task;             ///< by position: F on stage 0
  std::vector<std::uint32_t> gradient_task;            ///< by position: the gradient on the last stage
  std::vector<std::uint32_t> by_forward, by_gradient;  ///< positions in the order in which they are due

  std::uint32_t ranks() const { return static_cast<std::uint32_t>(first.size()) - 1; }
};

/// The order of the base with warm-up slope * (P-1-r) + (V-1)P + extra_warmup on rank r, for 1f1b and interleaved;
/// other bases keep their own. Slope 1 spans as long as slope 2 and holds up to P-1-r fewer chunks (seen, not proven).
/// With a larger last group, warm-ups are as much longer as that needs.
RankOrders orders_with_slope(const LlmBase& base, const BaseRequest& request, std::uint32_t slope, LastGroup last);

/// Whether orders_with_slope() can change this base.
bool has_slope(const LlmBase& base);

/// An order of the LLM to fill.
struct LlmOrder {
  RankOrders ranks;
  bool weights_apart = false;
  bool operator==(const LlmOrder&) const = default;
};

/// Times an order, whose microbatches are positions: position p is the job's microbatch `order[p]`. Nothing where the
/// order deadlocks.
std::optional<LlmClock> time_llm(const Pipeline& pipeline, const CostTable& costs, const LlmOrder& llm,
                                 const std::vector<MicrobatchId>& order);

}  // namespace bigmac::hybrid
