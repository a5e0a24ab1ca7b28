// Balanced: encoder, LLM and generator as one linear list, split evenly over virtual stages (Megatron-LM balanced, as
// Optimus compares with it: 2408.03505, section 5.1).
//
// Idea. The list is encoder, LLM stage 0, 1, ..., generator; the dynamic program over contiguous splits into P x V
// virtual stages minimises the dearest one, with mean costs as weights; virtual stage k lies on rank k mod P. Then 1F1B
// over it.
//
//   4 ranks, V = 1, encoder = 1, LLM stages 2 2 2 2, no generator: the list 1 2 2 2 2 into four: | 1 2 | 2 | 2 | 2 |
//
// A model's layers come here cut already, as stages of one module (sim/cost/one_list.cpp): then the order is
// interleaved 1F1B's, Megatron-LM's own. A job that states its pipeline has encoder and LLM stages that are not cut
// further: these are ordered by the list scheduler; equal stages give 1F1B.
#include <algorithm>
#include <numeric>

#include "assemble.h"
#include "bigmac/schedule/builders.h"
#include "bigmac/schedule/llm_base.h"
#include "list_scheduler.h"

namespace bigmac {
namespace {

/// One entry of the linear list.
struct Item {
  ModuleId module;
  StageId stage;
  std::int64_t work = 0;  // mean over microbatches, F + B
};

std::int64_t mean_work(const ScheduleRequest& request, ModuleId module, StageId stage) {
  std::int64_t sum = 0;
  for (std::uint32_t m = 0; m < request.pipeline.microbatches; ++m)
    for (const OpKind kind : {OpKind::forward, OpKind::backward})
      sum += request.costs.duration[request.costs.slot(module, kind, stage, MicrobatchId{m})].value;
  return sum / request.pipeline.microbatches;
}

std::vector<Item> linear_list(const ScheduleRequest& request) {
  std::vector<Item> items;
  const auto add = [&](ModuleId module, std::uint32_t stage) {
    const StageId id{static_cast<std::uint16_t>(stage)};
    items.push_back({module, id, mean_work(request, module, id)});
  };
  for (const ModuleId encoder : request.pipeline.encoders) add(encoder, 0);
  for (std::uint32_t stage = 0; stage < request.pipeline.stages(); ++stage) add(kLlm, stage);
  for (const ModuleId generator : request.pipeline.generators) add(generator, 0);
  return items;
}

// Greedy packing from the back under a bound, one item at least for every earlier part; true when it fits.
bool pack(const std::vector<Item>& items, std::uint32_t parts, std::int64_t bound,
          std::vector<std::uint32_t>& part_of) {
  part_of.assign(items.size(), 0);
  std::size_t end = items.size();
  for (std::uint32_t part = parts; part-- > 0;) {
    std::int64_t sum = 0;
    const std::size_t before = end;
    while (end > part && sum + items[end - 1].work <= bound) {
      sum += items[--end].work;
      part_of[end] = part;
    }
    if (end == before) return false;
  }
  return end == 0;
}

/// The part of each item, the dearest part as cheap as can be: bisection over the bound, exact for integers.
std::vector<std::uint32_t> split_evenly(const std::vector<Item>& items, std::uint32_t parts) {
  std::int64_t low = 0, high = 0;
  for (const Item& item : items) {
    low = std::max(low, item.work);
    high += item.work;
  }
  std::vector<std::uint32_t> part_of;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (pack(items, parts, middle, part_of)) high = middle;
    else low = middle + 1;
  }
  pack(items, parts, high, part_of);
  return part_of;
}

Schedule megatron_order(const ScheduleRequest& request) {
  return build_base_alone({request.pipeline, request.costs, default_base(request.pipeline), {}});
}

}  // namespace

Schedule build_balanced(const ScheduleRequest& request) {
  const Pipeline& pipeline = request.pipeline;
  if (pipeline.modules.size() == 1) return megatron_order(request);
  const std::vector<Item> items = linear_list(request);
  const std::vector<std::uint32_t> part_of = split_evenly(items, pipeline.stages());
  Placement placement;
  placement.stage_rank.resize(pipeline.stages());
  std::vector<std::uint32_t> side_rank(pipeline.modules.size(), 0);
  for (std::size_t i = 0; i < items.size(); ++i) {
    const std::uint32_t rank = part_of[i] % pipeline.ranks;
    if (items[i].module == kLlm) placement.stage_rank[items[i].stage.value] = rank;
    else side_rank[items[i].module.value] = rank;
  }
  placement.side_rank = [&side_rank](ModuleId module, MicrobatchId) { return side_rank[module.value]; };
  placement.in_flight = (pipeline.chunks > 1 ? 2 : 1) * pipeline.ranks;
  return assemble_orders(list_schedule(pipeline, request.costs, placement).orders);
}

}  // namespace bigmac
