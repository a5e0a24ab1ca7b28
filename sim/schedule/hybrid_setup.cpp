#include "hybrid_setup.h"

#include "bigmac/base/error.h"
#include "hybrid_placement.h"

namespace bigmac::hybrid {
namespace {

Setup make_setup(const ScheduleRequest& request, const std::vector<RankOrders>& llm, std::vector<MicrobatchId> order) {
  Setup setup;
  setup.order = std::move(order);
  setup.sides = side_work(request.pipeline, request.costs, setup.order);
  for (const RankOrders& orders : llm) {
    auto clock = time_llm(request.pipeline, request.costs, orders, setup.order);
    BIGMAC_CHECK(clock.has_value());
    setup.clocks.push_back(std::move(*clock));
  }
  const LlmClock& clock = setup.clocks[0];
  std::vector<std::int64_t> work(request.pipeline.ranks, 0);
  for (const LlmTask& task : clock.tasks) work[task.rank] += task.duration;
  setup.placements =
      candidate_placements(request.pipeline, setup.sides, work, clock.mean_forward + clock.mean_backward);
  return setup;
}

}  // namespace

std::vector<RankOrders> llm_choices(const ScheduleRequest& request) {
  const Pipeline& pipeline = request.pipeline;
  const LlmBase& base = find_llm_base(request.base);
  std::vector<std::uint32_t> extras = {0};
  if (!pipeline.generators.empty() && base.extra_warmup)
    extras = {pipeline.ranks, pipeline.ranks + pipeline.ranks / 2, 2 * pipeline.ranks};
  std::vector<RankOrders> out;
  for (const std::uint32_t extra : extras)
    for (const std::uint32_t slope : {1u, 2u})
      if (slope == 1 || has_slope(base))
        out.push_back(orders_with_slope(base, {pipeline, request.costs, extra}, slope));
  return out;
}

std::vector<Setup> make_setups(const ScheduleRequest& request) {
  const std::vector<RankOrders> llm = llm_choices(request);
  std::vector<Setup> out;
  for (auto& order : candidate_orders(request.pipeline, request.costs))
    out.push_back(make_setup(request, llm, std::move(order)));
  return out;
}

}  // namespace bigmac::hybrid
