#include "hybrid_room.h"

#include <algorithm>
#include <span>

#include <fmt/format.h>

#include "bigmac/base/error.h"

namespace bigmac::hybrid {
namespace {

/// What a pass of a module's stage keeps and needs besides, at most over stages (any may lie on a rank) and
/// microbatches.
struct PassBytes {
  std::int64_t kept = 0, transient = 0;
};

PassBytes most_bytes(const ScheduleRequest& request, ModuleId module) {
  const CostTable& costs = request.costs;
  PassBytes out;
  for (std::uint16_t stage = 0; stage < request.pipeline.modules[module].stages; ++stage)
    for (std::uint32_t m = 0; m < request.pipeline.microbatches; ++m) {
      const auto slot = [&](OpKind kind) { return costs.slot(module, kind, StageId{stage}, MicrobatchId{m}); };
      out.kept = std::max(out.kept, costs.activation[slot(OpKind::forward)].value);
      for (const OpKind kind : {OpKind::forward, OpKind::backward})
        out.transient = std::max(out.transient, costs.transient[slot(kind)].value);
    }
  return out;
}

/// What a rank's operations hold in their order.
struct OrderBytes {
  std::int64_t kept = 0, peak = 0;  // peak: with transient bytes
  std::uint32_t live = 0;           // LLM chunk activations
};

OrderBytes bytes_of(const ScheduleRequest& request, std::span<const Op> ops) {
  OrderBytes out;
  std::int64_t now = 0;
  std::uint32_t live = 0;
  for (const Op& op : ops) {
    const CostTable& costs = request.costs;
    const std::int64_t own = costs.activation[costs.slot(op.module, OpKind::forward, op.stage, op.microbatch)].value;
    const bool forward = op.kind == OpKind::forward, frozen = !request.pipeline.modules[op.module].backward;
    if (forward && op.part == 0) now += own, live += op.module == kLlm ? 1 : 0;
    out.kept = std::max(out.kept, now);
    out.peak = std::max(out.peak, now + costs.transient[costs.slot(op)].value);
    out.live = std::max(out.live, live);
    const bool ends = op.kind == OpKind::backward || op.kind == OpKind::weight_gradient || (forward && frozen);
    if (ends && op.part + 1 == op.parts) now -= own, live -= op.module == kLlm ? 1 : 0;
  }
  return out;
}

class Room {
 public:
  Room(const ScheduleRequest& request, const RankOrders& llm, Bytes within)
      : request_(request), within_(within.value), stages_(request.pipeline.encoder_stages()) {
    for (const std::vector<Op>& ops : llm) llm_.push_back(bytes_of(request, ops));
  }

  std::optional<RankLimits> limits() const {
    RankLimits out;
    for (std::uint32_t r = 0; r < llm_.size(); ++r) {
      if (held(r).llm.value + llm_[r].peak > within_) return std::nullopt;
      out.llm.push_back(llm_[r].live);
    }
    // The fewer ranks hold sides, the more each holds of what they share.
    std::uint32_t holders = request_.pipeline.ranks;
    for (std::uint32_t before = holders + 1; holders < before && holders > 0;) {
      before = holders;
      out.encoder.clear();
      for (std::uint32_t r = 0; r < llm_.size(); ++r) out.encoder.push_back(encoders(r, holders));
      level_pipelines(out.encoder);
      holders = static_cast<std::uint32_t>(
          std::count_if(out.encoder.begin(), out.encoder.end(), [](std::uint32_t k) { return k > 0; }));
    }
    return holders > 0 ? std::optional(std::move(out)) : std::nullopt;
  }

 private:
  HeldBytes held(std::uint32_t rank) const { return request_.held.empty() ? HeldBytes{} : request_.held[rank]; }

  /// How many encoder microbatches rank r may hold.
  std::uint32_t encoders(std::uint32_t r, std::uint32_t holders) const {
    const HeldBytes own = held(r);
    PassBytes encoder, generator;
    for (const ModuleId module : request_.pipeline.encoders) {
      const PassBytes one = most_bytes(request_, module);
      if (request_.pipeline.modules[module].backward) encoder.kept += one.kept;
      else encoder.transient = std::max(encoder.transient, one.kept + one.transient);
      encoder.transient = std::max(encoder.transient, one.transient);
    }
    for (const ModuleId module : request_.pipeline.generators) {
      const PassBytes one = most_bytes(request_, module);
      generator.transient = std::max(generator.transient, one.kept + one.transient);
    }
    const std::int64_t sides = own.sides.value + own.shared.value * stages_ / holders;
    const std::int64_t peak = std::max(llm_[r].peak, llm_[r].kept + std::max(encoder.transient, generator.transient));
    const std::int64_t left = within_ - own.llm.value - sides - peak;
    if (left < 0) return 0;
    if (encoder.kept == 0) return UINT32_MAX;
    return static_cast<std::uint32_t>(std::min<std::int64_t>(left / encoder.kept, UINT32_MAX - 1));
  }

  /// Later stages of a pipeline hold what its first one does, or less: all go by the rank with least room.
  void level_pipelines(std::vector<std::uint32_t>& encoder) const {
    for (std::size_t r = 0; r < encoder.size(); r += stages_) {
      const auto begin = encoder.begin() + static_cast<std::ptrdiff_t>(r), end = begin + stages_;
      std::fill(begin, end, *std::min_element(begin, end));
    }
  }

  const ScheduleRequest& request_;
  const std::int64_t within_;
  const std::uint32_t stages_;
  std::vector<OrderBytes> llm_;
};

bool runs_sides(const Schedule& schedule, std::uint32_t rank) {
  const auto ops = schedule.rank_ops(RankId{rank});
  return std::any_of(ops.begin(), ops.end(), [](const Op& op) { return op.module != kLlm; });
}

}  // namespace

std::vector<LlmOrder> orders_within(const ScheduleRequest& request, std::vector<LlmOrder> orders,
                                    std::optional<Bytes> within, std::vector<RankLimits>& room) {
  if (!within) return orders;
  std::vector<LlmOrder> out;
  for (LlmOrder& one : orders) {
    auto found = Room(request, one.ranks, *within).limits();
    if (!found) continue;
    room.push_back(std::move(*found));
    const std::vector<bool> open = open_ranks(request.pipeline.ranks, room);
    if (std::find(open.begin(), open.end(), true) == open.end()) room.pop_back();
    else out.push_back(std::move(one));
  }
  if (out.empty())
    bad_input("--set memory_limit", fmt::format("no LLM order of {} leaves room for an encoder in {} bytes a GPU",
                                                request.base, within->value));
  return out;
}

std::vector<bool> open_ranks(std::uint32_t ranks, const std::vector<RankLimits>& room) {
  std::vector<bool> out(ranks, true);
  for (const RankLimits& limits : room)
    for (std::uint32_t r = 0; r < ranks; ++r) out[r] = out[r] && limits.encoder[r] > 0;
  return out;
}

std::uint32_t most_encoders(const std::vector<RankLimits>& room) {
  std::uint32_t most = room.empty() ? UINT32_MAX : 0;
  for (const RankLimits& limits : room)
    most = std::max(most, *std::max_element(limits.encoder.begin(), limits.encoder.end()));
  return most;
}

bool holds_within(const ScheduleRequest& request, const Schedule& schedule, Bytes within) {
  std::uint32_t holders = 0;
  for (std::uint32_t r = 0; r < schedule.ranks(); ++r) holders += runs_sides(schedule, r) ? 1 : 0;
  for (std::uint32_t r = 0; r < schedule.ranks(); ++r) {
    const HeldBytes own = request.held.empty() ? HeldBytes{} : request.held[r];
    std::int64_t bytes = own.llm.value + bytes_of(request, schedule.rank_ops(RankId{r})).peak;
    if (runs_sides(schedule, r))
      bytes += own.sides.value + own.shared.value * request.pipeline.encoder_stages() / holders;
    if (bytes > within.value) return false;
  }
  return true;
}

}  // namespace bigmac::hybrid
