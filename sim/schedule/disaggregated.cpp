// Disaggregated: encoder, LLM and generator on ranks of their own (DistTrain, Zhang et al. 2024, 2408.04275).
//
// Idea. Of P ranks, e run encoders only, g generators only and the rest the LLM's stages, in equal shares as far as
// stages divide; microbatch m goes to encoder rank m mod e and generator rank m mod g. e and g are the caller's, or the
// pair whose list schedule is shortest. Each part is paced by itself: fast where the parts' work happens to divide over
// whole ranks, idle where it does not.
//
//   4 ranks, M = 8, e = 1 (A: encoder rank; e E: encoder forward, backward)
//   A  e0 e1 e2 e3 E0 e4 E1 e5 E2 ...
//   0     F0 F1 F2 B0 F3 B1 ...            LLM stages 0.. on three ranks
//
// Departure: the ranks are those of the job (DistTrain chooses GPU counts per module freely); operations are ordered by
// the list scheduler, not by a fixed pattern.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "assemble.h"
#include "bigmac/base/error.h"
#include "bigmac/schedule/builders.h"
#include "list_scheduler.h"

namespace bigmac {
namespace {

struct Sizes {
  std::uint32_t encoders = 0, generators = 0;
};

/// Encoder ranks first, then the LLM's, then the generators'.
Placement place(const Pipeline& pipeline, const Sizes& sizes) {
  const std::uint32_t llm = pipeline.ranks - sizes.encoders - sizes.generators;
  Placement out;
  for (std::uint32_t stage = 0; stage < pipeline.stages(); ++stage)
    out.stage_rank.push_back(sizes.encoders + stage % llm);
  out.side_rank = [&pipeline, sizes, llm](ModuleId module, MicrobatchId m) {
    return pipeline.modules[module].role == Role::encoder ? m.value % sizes.encoders
                                                          : sizes.encoders + llm + m.value % sizes.generators;
  };
  // 1F1B keeps one microbatch a rank in flight, interleaved about two; generators and encoders are stages as well.
  out.in_flight = (pipeline.stages() > llm ? 2 : 1) * llm + 2 * (sizes.encoders + sizes.generators);
  return out;
}

std::optional<std::int64_t> asked(const ScheduleRequest& request, const char* name) {
  const auto it = request.parameters.find(name);
  return it == request.parameters.end() || it->second == 0 ? std::nullopt : std::optional(it->second);
}

/// Every split that the caller left open.
std::vector<Sizes> splits(const ScheduleRequest& request) {
  const Pipeline& pipeline = request.pipeline;
  const auto range = [&](bool present, const char* name) {
    const auto fixed = asked(request, name);
    const auto most = static_cast<std::int64_t>(pipeline.ranks) - 1;
    return !present ? std::pair<std::int64_t, std::int64_t>{0, 0} : std::pair{fixed.value_or(1), fixed.value_or(most)};
  };
  const auto [e_low, e_high] = range(!pipeline.encoders.empty(), "encoder_ranks");
  const auto [g_low, g_high] = range(!pipeline.generators.empty(), "generator_ranks");
  std::vector<Sizes> out;
  for (std::int64_t e = e_low; e <= e_high; ++e)
    for (std::int64_t g = g_low; g <= g_high; ++g)
      if (e + g < pipeline.ranks) out.push_back({static_cast<std::uint32_t>(e), static_cast<std::uint32_t>(g)});
  return out;
}

/// Work of encoders, LLM and generators, all microbatches.
std::array<std::int64_t, 3> work_by_role(const Pipeline& pipeline, const CostTable& costs) {
  std::array<std::int64_t, 3> work{};
  for (std::uint8_t module = 0; module < pipeline.modules.size(); ++module)
    for (std::uint32_t stage = 0; stage < pipeline.modules.items[module].stages; ++stage)
      for (std::uint32_t m = 0; m < pipeline.microbatches; ++m)
        for (const OpKind kind : {OpKind::forward, OpKind::backward})
          if (kind == OpKind::forward || pipeline.modules.items[module].backward)
            work[static_cast<std::size_t>(pipeline.modules.items[module].role)] +=
                costs
                    .duration[costs.slot(ModuleId{module}, kind, StageId{static_cast<std::uint16_t>(stage)},
                                         MicrobatchId{m})]
                    .value;
  return work;
}

// Work per rank of the slowest part: the least possible makespan of a split.
std::int64_t busiest_part(const Pipeline& pipeline, const std::array<std::int64_t, 3>& work, const Sizes& sizes) {
  const std::int64_t llm = pipeline.ranks - sizes.encoders - sizes.generators;
  return std::max({work[0] / std::max<std::int64_t>(1, sizes.encoders), work[1] / llm,
                   work[2] / std::max<std::int64_t>(1, sizes.generators)});
}

constexpr std::size_t kTried = 4;  // splits built in full

}  // namespace

Schedule build_disaggregated(const ScheduleRequest& request) {
  std::vector<std::pair<std::int64_t, Sizes>> ranked;
  const auto work = work_by_role(request.pipeline, request.costs);
  for (const Sizes& sizes : splits(request)) ranked.push_back({busiest_part(request.pipeline, work, sizes), sizes});
  if (ranked.empty()) bad_input("--set encoder_ranks", "encoder and generator ranks leave none for the LLM");
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  ListSchedule best;
  Sizes chosen;
  for (std::size_t i = 0; i < std::min(kTried, ranked.size()); ++i) {
    ListSchedule found = list_schedule(request.pipeline, request.costs, place(request.pipeline, ranked[i].second));
    if (i > 0 && found.makespan >= best.makespan) continue;
    best = std::move(found);
    chosen = ranked[i].second;
  }
  Schedule schedule = assemble_orders(best.orders);
  schedule.parameters = {{"encoder_ranks", chosen.encoders}, {"generator_ranks", chosen.generators}};
  schedule.notes.push_back(fmt::format("{} encoder ranks, {} LLM ranks, {} generator ranks", chosen.encoders,
                                       request.pipeline.ranks - chosen.encoders - chosen.generators,
                                       chosen.generators));
  return schedule;
}

}  // namespace bigmac
