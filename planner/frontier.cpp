#include "bigmac/planner/frontier.h"

#include <algorithm>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/cost/plan_costs.h"
#include "bigmac/schedule/job_bound.h"
#include "bigmac/schedule/llm_base.h"
#include "bigmac/schedule/registry.h"
#include "memory_ways.h"

namespace bigmac {
namespace {

constexpr const char* kHybrid = "hybrid";

FrontierPoint point_of(Study& study, const ScheduleChoice& choice) {
  FrontierPoint out;
  out.schedule = choice.name;
  const auto limit = choice.parameters.find("encoder_live_limit");
  if (limit != choice.parameters.end()) out.limit = static_cast<std::uint32_t>(limit->second);
  try {
    auto result = simulate_study(study, choice);
    if (const auto* fault = std::get_if<Fault>(&result)) {
      out.refusal = fault->message;
      return out;
    }
    const Outcome& outcome = std::get<Outcome>(result);
    out.time = outcome.iteration;
    out.step = study.file.plan ? study.file.plan->step : outcome.iteration;
    for (const RankActivations& rank : outcome.ranks)
      out.live = std::max(out.live, rank.live[static_cast<std::size_t>(Role::encoder)]);
    out.memory = memory_of(study, outcome);
  } catch (const Error& refusal) {
    out.refusal = refusal.what();
  }
  return out;
}

/// 1 to 6, then steps of a quarter to a third of what was reached.
std::int64_t next_limit(std::int64_t limit) {
  if (limit < 6) return limit + 1;
  std::int64_t step = 2;
  while (step * 8 <= limit) step *= 2;
  return limit + step;
}

/// How the study's plan gives time for memory, beside `plain`.
std::string way_of(const Study& study, const Study& plain) {
  if (!study.plan) return "";
  std::string out;
  const auto add = [&](bool differs, const std::string& name) {
    if (differs) out += (out.empty() ? "" : " ") + name;
  };
  add(study.plan->shard_sides != plain.plan->shard_sides, "sharded");
  add(study.plan->encoder_pp != plain.plan->encoder_pp, fmt::format("staged {}", study.plan->encoder_pp));
  add(study.plan->encoder_recompute != plain.plan->encoder_recompute, "again");
  return out;
}

bool whole_backwards(const std::string& base) { return find_llm_base(base).plain; }

/// Whether the LLM's stages stand where the job's bound has them.
bool keeps_stages(const std::string& schedule) {
  const SidePlacement sides = find_schedule(schedule).sides;
  return sides != SidePlacement::one_list && sides != SidePlacement::own_ranks;
}

/// Hybrid at every limit that binds, then without one.
void add_hybrid(Study& study, const std::string& base, const std::string& way, Frontier& out) {
  const std::size_t begin = out.points.size();
  const FrontierPoint free = point_of(study, {kHybrid, base, {}});
  const auto microbatches = static_cast<std::int64_t>(study.file.pipeline.microbatches);
  for (std::int64_t limit = 1; limit < std::min<std::int64_t>(free.live, microbatches); limit = next_limit(limit))
    out.points.push_back(point_of(study, {kHybrid, base, {{"encoder_live_limit", limit}}}));
  out.points.push_back(free);
  for (std::size_t i = begin; i < out.points.size(); ++i) {
    out.points[i].way = way;
    if (whole_backwards(study.file.schedule.base))
      out.points[i].bound = job_lower_bound(study.file.pipeline, study.costs, {out.points[i].limit, {}});
  }
}

bool dominates(const FrontierPoint& point, const FrontierPoint& other) {
  return point.schedule == kHybrid && point.refusal.empty() && point.step <= other.step && point.time <= other.time &&
         point.memory <= other.memory;
}

/// Where no hybrid takes as little time and memory as `other`: the first way in which one does that is asked to keep
/// within that memory, or else what ways there are reach.
void answer(const FrontierPoint& other, std::vector<Study>& ways, const std::string& base, Frontier& out) {
  const auto among = [&](const FrontierPoint& point) { return dominates(point, other); };
  if (std::any_of(out.points.begin(), out.points.end(), among)) return;
  std::vector<FrontierPoint> found;
  for (Study& way : ways) {
    FrontierPoint point = point_of(way, {kHybrid, base, {{"memory_limit", other.memory.value}}});
    if (!point.refusal.empty()) continue;
    point.way = way_of(way, ways.front());
    point.within = other.memory;
    if (whole_backwards(way.file.schedule.base)) point.bound = job_lower_bound(way.file.pipeline, way.costs);
    if (among(point)) found.clear();
    found.push_back(std::move(point));
    if (among(found.back())) break;
  }
  out.points.insert(out.points.end(), found.begin(), found.end());
}

}  // namespace

Frontier live_limit_frontier(Job job, const std::string& base, int threads) {
  Study study = study_job(std::move(job), {kHybrid, base, {}}, threads);
  if (study.file.pipeline.encoders.empty())
    bad_input("job", "has no encoder, so no encoder microbatches are held; expected a job with an encoder");
  Frontier out;
  out.title = study.file.job.name;
  out.chosen = study.chosen;
  out.whole_gpu = study.plan.has_value();
  std::vector<Study> ways = memory_ways(study);
  for (Study& way : ways) add_hybrid(way, base, way_of(way, study), out);
  out.base = ways.front().file.schedule.base;
  std::vector<FrontierPoint> others;
  for (const ScheduleInfo& info : all_schedules())
    if (!info.is_base && info.name != kHybrid)
      others.push_back(point_of(study, {info.name, info.bases.empty() ? "" : base, {}}));
  out.points.insert(out.points.end(), others.begin(), others.end());
  for (const FrontierPoint& other : others)
    if (other.refusal.empty()) answer(other, ways, base, out);
  if (whole_backwards(out.base)) out.bound = job_lower_bound(study.file.pipeline, study.costs);
  for (FrontierPoint& point : out.points)
    if (!point.bound && keeps_stages(point.schedule)) point.bound = out.bound;
  return out;
}

}  // namespace bigmac
