#include "hybrid_setup.h"

#include <algorithm>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "hybrid_placement.h"
#include "hybrid_ready.h"

namespace bigmac::hybrid {
namespace {

Setup make_setup(const ScheduleRequest& request, const std::vector<LlmOrder>& llm, std::vector<MicrobatchId> order,
                 const std::vector<bool>& open) {
  Setup setup;
  setup.order = std::move(order);
  setup.sides = side_work(request.pipeline, request.costs, setup.order);
  for (const LlmOrder& orders : llm) {
    auto clock = time_llm(request.pipeline, request.costs, orders, setup.order);
    BIGMAC_CHECK(clock.has_value());
    setup.clocks.push_back(std::move(*clock));
  }
  const LlmClock& clock = setup.clocks[0];
  std::vector<std::int64_t> work(request.pipeline.ranks, 0);
  for (const LlmTask& task : clock.tasks) work[task.rank] += task.duration;
  setup.placements =
      candidate_placements(request.pipeline, setup.sides, work, clock.mean_forward + clock.mean_backward, open);
  return setup;
}

/// To each placement of each setup the order that suits it.
void add_ready_setups(const ScheduleRequest& request, const std::vector<LlmOrder>& llm, const std::vector<bool>& open,
                      std::vector<Setup>& out) {
  std::vector<MicrobatchId> as_given;
  for (std::uint32_t m = 0; m < request.pipeline.microbatches; ++m) as_given.push_back(MicrobatchId{m});
  const Sides sides = side_work(request.pipeline, request.costs, as_given);
  std::vector<Setup> more;
  for (const Setup& setup : out)
    for (const Placement& given : setup.placements) {
      std::vector<std::uint32_t> by_microbatch(as_given.size());
      for (std::size_t p = 0; p < setup.order.size(); ++p) by_microbatch[setup.order[p].value] = given.encoder[p];
      Placement placement;
      std::vector<MicrobatchId> order = ready_order(setup.clocks.back(), sides, by_microbatch);
      for (const MicrobatchId m : order) placement.encoder.push_back(by_microbatch[m.value]);
      more.push_back(make_setup(request, llm, std::move(order), open));
      more.back().placements.front() = std::move(placement);  // each setup has as many
    }
  std::move(more.begin(), more.end(), std::back_inserter(out));
}

/// Warm-up forwards beyond the base's own.
std::vector<std::uint32_t> extra_warmups(const ScheduleRequest& request) {
  const std::uint32_t ranks = request.pipeline.ranks;
  if (request.pipeline.generators.empty() || !find_llm_base(request.base).extra_warmup) return {0};
  return {ranks, 2 * ranks, 4 * ranks, 8 * ranks};
}

std::vector<RankOrders> orders_of_warmup(const ScheduleRequest& request, std::uint32_t extra) {
  const Pipeline& pipeline = request.pipeline;
  const LlmBase& base = find_llm_base(request.base);
  std::vector<LastGroup> last_groups = {LastGroup::smaller};
  if (pipeline.microbatches % pipeline.ranks != 0 && pipeline.chunks > 1) last_groups.push_back(LastGroup::larger);
  std::vector<RankOrders> out;
  for (const LastGroup last : last_groups)
    for (const std::uint32_t slope : {1u, 2u})
      if ((slope == 1 && last == LastGroup::smaller) || has_slope(base))
        out.push_back(orders_with_slope(base, {pipeline, request.costs, extra}, slope, last));
  return out;
}

bool splits_backwards(const RankOrders& orders) {
  return std::any_of(orders.begin(), orders.end(), [](const std::vector<Op>& ops) {
    return std::any_of(ops.begin(), ops.end(), [](const Op& op) { return op.kind == OpKind::weight_gradient; });
  });
}

}  // namespace

std::uint32_t most_llm_live(const RankOrders& orders) {
  std::uint32_t most = 0;
  for (const std::vector<Op>& ops : orders) {
    std::uint32_t live = 0;
    for (const Op& op : ops) {
      if (op.module != kLlm) continue;
      if (op.kind == OpKind::forward) most = std::max(most, ++live);
      if (op.kind == OpKind::backward || op.kind == OpKind::weight_gradient) --live;
    }
  }
  return most;
}

std::vector<std::uint32_t> llm_levels(const ScheduleRequest& request) {
  std::uint32_t leanest = UINT32_MAX;
  std::vector<std::uint32_t> levels;  // the most of each warm-up
  for (const std::uint32_t extra : extra_warmups(request)) {
    levels.push_back(0);
    for (const RankOrders& orders : orders_of_warmup(request, extra)) {
      const std::uint32_t live = most_llm_live(orders);
      leanest = std::min(leanest, live);
      levels.back() = std::max(levels.back(), live);
    }
  }
  if (levels.size() > 1) levels = {levels[1], levels[2], levels[3] + request.pipeline.ranks};
  else levels.push_back(levels[0] + request.pipeline.ranks);
  levels.insert(levels.begin(), leanest);
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  return levels;
}

std::vector<LlmOrder> llm_choices(const ScheduleRequest& request, std::uint32_t live_limit) {
  std::vector<LlmOrder> out;
  std::uint32_t least = UINT32_MAX;
  for (const std::uint32_t extra : extra_warmups(request))
    for (RankOrders& orders : orders_of_warmup(request, extra)) {
      const std::uint32_t live = most_llm_live(orders);
      least = std::min(least, live);
      LlmOrder llm{std::move(orders), false};
      if (live > live_limit || std::find(out.begin(), out.end(), llm) != out.end()) continue;
      out.push_back(llm);
      llm.weights_apart = true;
      if (splits_backwards(llm.ranks)) out.push_back(std::move(llm));
    }
  if (out.empty())
    bad_input("--set llm_live_limit", fmt::format("the leanest order of {} holds {} chunk activations on a rank, more "
                                                  "than {}",
                                                  request.base, least, live_limit));
  return out;
}

std::vector<Setup> make_setups(const ScheduleRequest& request, const std::vector<LlmOrder>& llm,
                               const std::vector<bool>& open) {
  std::vector<Setup> out;
  for (auto& order : candidate_orders(request.pipeline, request.costs))
    out.push_back(make_setup(request, llm, std::move(order), open));
  if (out.size() > 1 && request.pipeline.generators.empty() && request.pipeline.encoder_stages() == 1)
    add_ready_setups(request, llm, open, out);
  return out;
}

}  // namespace bigmac::hybrid
