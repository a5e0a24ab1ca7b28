#include "optimus_bubbles.h"

#include <algorithm>

#include "bigmac/base/error.h"
#include "bigmac/schedule/dependencies.h"
#include "op_makers.h"

namespace bigmac {
namespace {

constexpr std::int64_t kLeast = 1;

std::int64_t length(const CostTable& costs, const Op& op) {
  return std::max(kLeast, costs.duration[costs.slot(op)].value);
}

std::vector<Interval> bubbles_of(const CostTable& costs, const std::vector<Op>& ops,
                                 const std::vector<std::int64_t>& starts) {
  std::vector<Interval> bubbles;
  std::int64_t free_at = kLongAgo;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (starts[i] > free_at || i == 0) bubbles.push_back({free_at, starts[i]});
    free_at = starts[i] + length(costs, ops[i]);
  }
  bubbles.push_back({free_at, kFarAhead});
  return bubbles;
}

// From the last operation to the first: each ends before what follows on its rank and what takes its product.
std::vector<std::int64_t> latest_first_forwards(const Pipeline& pipeline, const CostTable& costs,
                                                const LlmTimeline& timeline) {
  const auto index = [&](Product product, StageId stage, MicrobatchId m) {
    return (std::size_t{2} * stage.value + static_cast<std::size_t>(product)) * pipeline.microbatches + m.value;
  };
  std::vector<std::int64_t> latest(std::size_t{2} * pipeline.stages() * pipeline.microbatches, timeline.span);
  std::vector<std::int64_t> rank_limit(pipeline.ranks, timeline.span), out(pipeline.microbatches);
  for (auto it = timeline.order.rbegin(); it != timeline.order.rend(); ++it) {
    const std::uint32_t rank = it->first;
    const Op& op = timeline.ops[rank][it->second];
    const std::int64_t end = std::min(rank_limit[rank], latest[index(product_of(op.kind), op.stage, op.microbatch)]);
    const std::int64_t start = rank_limit[rank] = end - length(costs, op);
    if (op.kind == OpKind::forward && op.stage.value == 0) out[op.microbatch.value] = start;
    for_each_input(pipeline, op, [&](const ProductKey& key) {
      if (key.module != kLlm) return;
      const OpKind maker = key.product == Product::output ? OpKind::forward : OpKind::backward;
      const bool near = key.stage.value % pipeline.ranks == rank;
      const std::int64_t transfer = near ? 0 : costs.transfer[costs.slot(kLlm, maker, key.stage, key.microbatch)].value;
      std::int64_t& limit = latest[index(key.product, key.stage, key.microbatch)];
      limit = std::min(limit, start - transfer);
    });
  }
  return out;
}

}  // namespace

LlmTimeline time_llm(const Pipeline& pipeline, const CostTable& costs, RankOrders orders,
                     const std::vector<std::int64_t>* not_before) {
  auto times = time_orders(pipeline, costs, orders, {nullptr, kLeast, not_before, true});
  if (!times) throw Error(ErrorCode::bad_schedule, "base pipeline", "its order deadlocks by itself");
  LlmTimeline out;
  out.span = times->span;
  out.first_forward.resize(pipeline.microbatches);
  out.last_gradient.resize(pipeline.microbatches);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
    out.rooms.push_back({bubbles_of(costs, orders[rank], times->starts[rank]), {}, &costs});
  for (std::size_t i = 0; i < orders[0].size(); ++i) {
    const Op& op = orders[0][i];
    if (op.stage.value != 0) continue;
    if (op.kind == OpKind::forward) out.first_forward[op.microbatch.value] = times->starts[0][i];
    else out.last_gradient[op.microbatch.value] = times->starts[0][i] + length(costs, op);
  }
  out.starts = std::move(times->starts);
  out.order = std::move(times->order);
  out.ops = std::move(orders);
  return out;
}

LlmTimeline with_late_forwards(const Pipeline& pipeline, const CostTable& costs, const LlmTimeline& timeline) {
  const std::vector<std::int64_t> latest = latest_first_forwards(pipeline, costs, timeline);
  return time_llm(pipeline, costs, timeline.ops, &latest);
}

LlmTimeline with_hosts(const CostTable& costs, LlmTimeline timeline) {
  if (costs.rides.empty()) return timeline;
  for (std::size_t rank = 0; rank < timeline.ops.size(); ++rank)
    for (std::uint32_t i = 0; i < timeline.ops[rank].size(); ++i) {
      const Op& op = timeline.ops[rank][i];
      const std::int64_t start = timeline.starts[rank][i];
      const std::uint32_t slot = costs.slot(op);
      const RideShape& waits = costs.rides[slot];
      if (waits.count + waits.end_count > 0)
        timeline.rooms[rank].hosts.push_back(
            {{start, start + length(costs, op)}, op, slot, i, waits.count, waits.end_count});
    }
  return timeline;
}

LlmTimeline with_turned_stages(LlmTimeline timeline, std::uint32_t stages, std::uint32_t turned) {
  std::vector<Room> by_stage;
  for (std::uint32_t first = 0; first < timeline.rooms.size(); first += stages)
    for (std::uint32_t stage = 0; stage < stages; ++stage)
      by_stage.push_back(std::move(timeline.rooms[first + rank_of_stage(stage, stages, turned)]));
  timeline.rooms = std::move(by_stage);
  timeline.turned = turned;
  return timeline;
}

RankOrders deferred_forwards(const Pipeline& pipeline) {
  RankOrders out(pipeline.ranks);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
    interleaved_with_warmup(pipeline, RankId{rank}, pipeline.ranks - 1 - rank + (pipeline.chunks - 1) * pipeline.ranks,
                            LastGroup::smaller, out[rank]);
  return out;
}

}  // namespace bigmac
