// Layers are costed once per distinct layer plan, however many parallel plans share it.
#include <algorithm>
#include <map>
#include <tuple>

#include "bigmac/base/error.h"
#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/space.h"
#include "parallel_for.h"

namespace bigmac {
namespace {

// Everything of a plan that a profile depends on; what it does not depend on is left at one value.
ParallelPlan llm_key(const ParallelPlan& plan) {
  ParallelPlan key = plan;
  key.vpp = key.encoder_tp = key.encoder_pp = key.generator_tp = 1;
  key.shard_sides = false;
  key.one_list = OneList::no;
  key.pp = key.dp = 1;
  key.shard_optimizer = true;
  key.encoder_recompute = key.generator_recompute = std::nullopt;
  if (key.recompute == Recompute::partial) key.recompute = Recompute::none;
  return key;
}

/// Of partial recompute, the layers that run again.
ParallelPlan again_key(const ParallelPlan& plan) {
  ParallelPlan key = llm_key(plan);
  key.recompute = Recompute::full;
  return key;
}

ParallelPlan side_key(const ParallelPlan& plan, Role role) {
  ParallelPlan key = llm_key(plan);
  key.ep = 1;
  key.shard_sides = plan.shard_sides;
  key.encoder_tp = role == Role::encoder ? plan.encoder_tp : 1;
  key.generator_tp = role == Role::generator ? plan.generator_tp : 1;
  key.recompute = role == Role::encoder ? plan.recompute_of_encoders() : plan.recompute_of_generators();
  if (key.recompute == Recompute::partial) key.recompute = Recompute::none;
  return key;
}

/// What the layers' own costs depend on.
ParallelPlan layers_key(const ParallelPlan& side) {
  ParallelPlan key = side;
  key.shard_sides = false;
  key.recompute = Recompute::none;
  return key;
}
bool all_or_nothing(Recompute recompute) { return recompute == Recompute::none || recompute == Recompute::full; }

using SideKey = std::tuple<ParallelPlan, Role, std::size_t>;

}  // namespace

struct ProfileCache::Tables {
  std::map<std::int64_t, std::vector<MicrobatchLoad>> loads;  // by samples per microbatch
  std::map<ParallelPlan, SharedProfile> llm;
  std::map<SideKey, SharedSide> sides;
  std::map<SideKey, std::int64_t> side_microbatches;
};

// Draws of the same data begin alike: a longer one serves where a shorter one is asked for.
void ProfileCache::take_from(const ProfileCache& before, Tables& tables) {
  for (auto& [key, profile] : tables.llm)
    if (const auto known = before.tables_->llm.find(key); known != before.tables_->llm.end()) profile = known->second;
  for (auto& [key, side] : tables.sides) {
    const auto known = before.tables_->sides.find(key);
    if (known == before.tables_->sides.end()) continue;
    const auto count = static_cast<std::size_t>(tables.side_microbatches.at(key));
    if (known->second->by_microbatch.size() >= count) side = known->second;
  }
}

// Layers once for all ways of recomputing and sharding them, over the longest draw that any needs.
void ProfileCache::cost_sides(const Job& job, int threads, Tables& tables) {
  const auto loads_of = [&](const ParallelPlan& plan, std::int64_t count) {
    const auto& all = tables.loads.at(plan.micro_batch);
    return std::vector<MicrobatchLoad>(all.begin(), all.begin() + count);
  };
  struct Shared {
    std::int64_t count = 0;
    SideLayers layers;
  };
  std::map<SideKey, Shared> shared;
  std::vector<std::pair<const SideKey, SharedSide>*> sides;
  for (auto& entry : tables.sides) {
    if (entry.second) continue;
    sides.push_back(&entry);
    const auto& [plan, role, index] = entry.first;
    std::int64_t& most = shared[{layers_key(plan), role, index}].count;
    most = std::max(most, tables.side_microbatches.at(entry.first));
  }
  std::vector<std::pair<const SideKey, Shared>*> bases;
  for (auto& entry : shared) bases.push_back(&entry);
  parallel_for(bases.size(), threads, [&](std::size_t i) {
    auto& [key, base] = *bases[i];
    const auto& [plan, role, index] = key;
    base.layers = side_layers(job, plan, role, index, loads_of(plan, base.count));
  });
  parallel_for(sides.size(), threads, [&](std::size_t i) {
    const auto& [plan, role, index] = sides[i]->first;
    const auto loads = loads_of(plan, tables.side_microbatches.at(sides[i]->first));
    const SideKey base{layers_key(plan), role, index};
    sides[i]->second = std::make_shared<SideCosts>(
        all_or_nothing(plan.recompute) ? side_costs(job, plan, role, index, loads, shared.at(base).layers)
                                       : side_costs(job, plan, role, index, loads));
  });
}

ProfileCache::ProfileCache(const Job& job, const std::vector<ParallelPlan>& plans, int threads,
                           const ProfileCache* before)
    : job_(job) {
  auto tables = std::make_shared<Tables>();
  std::map<std::int64_t, std::int64_t> longest;
  const auto add_side = [&](const ParallelPlan& plan, Role role, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const SideKey key{side_key(plan, role), role, i};
      tables->sides[key];
      std::int64_t& most = tables->side_microbatches[key];
      most = std::max(most, microbatches(job, plan));
    }
  };
  for (const ParallelPlan& plan : plans) {
    std::int64_t& most = longest[plan.micro_batch];
    most = std::max(most, microbatches(job, plan));
    tables->llm[llm_key(plan)];
    if (plan.recompute == Recompute::partial) tables->llm[again_key(plan)];
    add_side(plan, Role::encoder, job.model->encoders.size());
    add_side(plan, Role::generator, job.model->generators.size());
  }
  for (const auto& [samples, count] : longest)
    tables->loads[samples] = draw_loads(job.data, *job.model, count, samples, notes_);
  std::sort(notes_.begin(), notes_.end());
  notes_.erase(std::unique(notes_.begin(), notes_.end()), notes_.end());

  std::vector<std::pair<const ParallelPlan, SharedProfile>*> llm;
  for (auto& entry : tables->llm) llm.push_back(&entry);
  if (before != nullptr) take_from(*before, *tables);
  parallel_for(llm.size(), threads, [&](std::size_t i) {
    const auto& [plan, profile] = *llm[i];
    if (profile) return;
    llm[i]->second =
        std::make_shared<ModuleProfile>(llm_profile(job, plan, tables->loads.at(plan.micro_batch).front()));
  });
  cost_sides(job, threads, *tables);
  tables_ = std::move(tables);
}

PlanCosts ProfileCache::costs(const ParallelPlan& plan) const {
  const auto sides = [&](Role role, std::size_t count) {
    std::vector<SharedSide> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(tables_->sides.at({side_key(plan, role), role, i}));
    return out;
  };
  LlmProfiles llm{tables_->llm.at(llm_key(plan)), nullptr};
  if (plan.recompute == Recompute::partial) llm.again = tables_->llm.at(again_key(plan));
  return plan_costs(job_, plan, microbatches(job_, plan), std::move(llm),
                    sides(Role::encoder, job_.model->encoders.size()),
                    sides(Role::generator, job_.model->generators.size()));
}

}  // namespace bigmac
