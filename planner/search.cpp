#include "bigmac/planner/search.h"

#include <algorithm>
#include <tuple>

#include "bigmac/schedule/llm_base.h"
#include "bigmac/schedule/registry.h"
#include "parallel_for.h"
#include "pareto.h"

namespace bigmac {
namespace {

constexpr std::int64_t kReserve = std::int64_t{4} << 30;
// Plans are taken in batches of this size; what a batch learns is used from the next on, so that the number of
// threads changes nothing.
constexpr std::size_t kBatch = 64;

/// Schedules that place encoders and generators alike share their bounds.
struct Family {
  SidePlacement sides;
  bool thorough;
  std::vector<ScheduleChoice> choices;
};

/// One plan under one family of schedules.
struct Bounded {
  std::size_t plan = 0;
  std::size_t family = 0;
  QuickBound bound;
};

auto ranking(Objective objective, const Evaluation& e) {
  const std::int64_t time = e.step.value, memory = e.memory.value;
  return objective == Objective::memory ? std::tuple(memory, time, e.label(), e.schedule_label())
                                        : std::tuple(time, memory, e.label(), e.schedule_label());
}

/// Where a schedule places modules, as far as the bounds may count on it: a base that builds its own orders may place
/// stages as it likes.
SidePlacement placement_of(const ScheduleInfo& info, const std::string& base) {
  const bool by_default = base.empty() || find_llm_base(base).append_rank != nullptr;
  return by_default ? info.sides : SidePlacement::anywhere;
}

/// Every schedule with the settings worth trying, one parameter at a time.
std::vector<Family> families(const std::vector<std::string>& names, const std::string& base) {
  std::vector<Family> out;
  for (const bool thorough : {false, true})
    for (const SidePlacement sides :
         {SidePlacement::every_rank, SidePlacement::first_and_last, SidePlacement::free_sides, SidePlacement::anywhere})
      out.push_back({sides, thorough, {}});
  for (const std::string& name : names) {
    const ScheduleInfo& info = find_schedule(name);
    const std::string own_base = info.bases.empty() ? "" : base;
    const SidePlacement sides = placement_of(info, own_base);
    auto& choices = std::find_if(out.begin(), out.end(), [&](const Family& f) {
                      return f.sides == sides && f.thorough == info.thorough;
                    })->choices;
    choices.push_back({name, own_base, {}});
    for (const ScheduleParameter& parameter : info.parameters)
      for (const std::int64_t value : parameter.tries) choices.push_back({name, own_base, {{parameter.name, value}}});
  }
  std::erase_if(out, [](const Family& family) { return family.choices.empty(); });
  return out;
}

std::vector<std::string> refining_schedules() {
  std::vector<std::string> out;
  for (const ScheduleInfo& info : all_schedules())
    if (info.refines) out.push_back(info.name);
  return out;
}

/// A setting that changed nothing: shown once, by the first that did the same.
bool same_result(const std::optional<Evaluation>& a, const std::optional<Evaluation>& b) {
  return a && b && a->schedule == b->schedule && a->base == b->base && a->step == b->step && a->memory == b->memory;
}

class Search {
 public:
  Search(const Job& job, const PlanSpace& space, const ProfileCache& cache, const SearchOptions& options)
      : job_(job),
        space_(space),
        cache_(cache),
        options_(options),
        families_(families(options.schedules.empty() ? suitable_schedules(job) : options.schedules, options.base)) {
    result_.counts.excluded = space.excluded;
    for (const Family& family : families_)
      result_.counts.candidates += static_cast<std::int64_t>(space.plans.size() * family.choices.size());
  }

  SearchResult run() {
    const std::vector<Bounded> order = bounded_plans();
    for (std::size_t begin = 0; begin < order.size(); begin += kBatch) {
      const std::size_t end = std::min(order.size(), begin + kBatch);
      run_batch({order.begin() + static_cast<std::ptrdiff_t>(begin), order.begin() + static_cast<std::ptrdiff_t>(end)});
      if (options_.progress) options_.progress(end, order.size());
    }
    if (options_.refine) refine();
    result_.front = front_.plans();
    if (result_.best.empty()) find_nearest_miss();
    return std::move(result_);
  }

 private:
  std::int64_t variants(const Bounded& candidate) const {
    return static_cast<std::int64_t>(families_[candidate.family].choices.size());
  }

  // Bounds of all plans, the most promising first; those that cannot fit are counted and left out.
  std::vector<Bounded> bounded_plans() {
    const std::size_t width = families_.size();
    std::vector<Bounded> all(space_.plans.size() * width);
    parallel_for(space_.plans.size(), options_.threads, [&](std::size_t i) {
      const PlanCosts costs = cache_.costs(space_.plans[i]);
      for (std::size_t f = 0; f < width; ++f)
        all[i * width + f] = {i, f, quick_bound(job_, space_.plans[i], costs, families_[f].sides)};
    });
    std::vector<Bounded> fitting;
    for (const Bounded& candidate : all) {
      if (candidate.bound.memory <= options_.memory_limit) fitting.push_back(candidate);
      else {
        result_.counts.pruned_memory += variants(candidate);
        too_large_.push_back(candidate);
      }
    }
    // Schedules that search while they build come last: by then the others have shown what is worth a search.
    std::stable_sort(fitting.begin(), fitting.end(), [&](auto& a, auto& b) {
      return std::tuple(families_[a.family].thorough, a.bound.step) <
             std::tuple(families_[b.family].thorough, b.bound.step);
    });
    return fitting;
  }

  // Nothing fits: what was bounded above the limit is built too, the least bound first, until none can need less.
  void find_nearest_miss() {
    std::stable_sort(too_large_.begin(), too_large_.end(),
                     [](auto& a, auto& b) { return a.bound.memory < b.bound.memory; });
    for (const Bounded& candidate : too_large_) {
      if (miss_ && candidate.bound.memory > miss_->memory) break;
      const ParallelPlan& plan = space_.plans[candidate.plan];
      const PlanCosts costs = cache_.costs(plan);
      for (const ScheduleChoice& choice : families_[candidate.family].choices)
        note_miss(evaluate(job_, plan, costs, choice, options_.memory_limit));
    }
    result_.nearest_miss = miss_;
  }

  void note_miss(const std::optional<Evaluation>& found) {
    if (found && (!miss_ || ranking(Objective::memory, *found) < ranking(Objective::memory, *miss_))) miss_ = found;
  }

  // The plans ranked and those on the front, under the schedules that refine.
  void refine() {
    std::vector<ParallelPlan> plans;
    for (const Evaluation& e : result_.best) plans.push_back(e.plan);
    for (const Evaluation& e : front_.plans()) plans.push_back(e.plan);
    std::sort(plans.begin(), plans.end());
    plans.erase(std::unique(plans.begin(), plans.end()), plans.end());
    std::vector<ScheduleChoice> choices;
    for (const Family& family : families(refining_schedules(), options_.base))
      choices.insert(choices.end(), family.choices.begin(), family.choices.end());
    std::vector<std::optional<Evaluation>> found(plans.size() * choices.size());
    parallel_for(found.size(), options_.threads, [&](std::size_t i) {
      const ParallelPlan& plan = plans[i / choices.size()];
      found[i] = evaluate(job_, plan, cache_.costs(plan), choices[i % choices.size()], options_.memory_limit);
    });
    result_.counts.candidates += static_cast<std::int64_t>(found.size());
    const std::int64_t before = result_.counts.simulated;
    for (std::size_t i = 0; i < found.size(); ++i)
      take(found[i], i % choices.size() > 0 && same_result(found[i - 1], found[i]));
    result_.counts.refined = result_.counts.simulated - before;
  }

  bool can_matter(const QuickBound& bound) const {
    if (result_.best.size() < options_.shown || result_.best.empty()) return true;
    const auto& last = result_.best.back();
    const bool may_rank =
        options_.objective == Objective::memory ? bound.memory <= last.memory : bound.step <= last.step;
    return may_rank || !front_.dominates(bound.step, bound.memory);
  }

  void run_batch(std::vector<Bounded> batch) {
    std::erase_if(batch, [&](const Bounded& candidate) {
      const bool skip = !can_matter(candidate.bound);
      if (skip) result_.counts.pruned_bound += variants(candidate);
      return skip;
    });
    std::vector<std::vector<std::optional<Evaluation>>> found(batch.size());
    parallel_for(batch.size(), options_.threads, [&](std::size_t i) {
      const ParallelPlan& plan = space_.plans[batch[i].plan];
      const PlanCosts costs = cache_.costs(plan);
      for (const ScheduleChoice& choice : families_[batch[i].family].choices)
        found[i].push_back(evaluate(job_, plan, costs, choice, options_.memory_limit));
    });
    for (const auto& variants_of_plan : found)
      for (auto it = variants_of_plan.begin(); it != variants_of_plan.end(); ++it)
        take(*it,
             std::any_of(variants_of_plan.begin(), it, [&](const auto& other) { return same_result(other, *it); }));
  }

  void take(const std::optional<Evaluation>& evaluation, bool shown_before) {
    if (!evaluation) {
      ++result_.counts.refused;
      return;
    }
    if (evaluation->memory > options_.memory_limit) {
      ++result_.counts.over_memory;
      return note_miss(evaluation);
    }
    ++result_.counts.simulated;
    if (shown_before) return;
    front_.add(*evaluation);
    auto& best = result_.best;
    const auto before = [&](const Evaluation& a, const Evaluation& b) {
      return ranking(options_.objective, a) < ranking(options_.objective, b);
    };
    best.insert(std::upper_bound(best.begin(), best.end(), *evaluation, before), *evaluation);
    if (best.size() > options_.shown) best.pop_back();
  }

  const Job& job_;
  const PlanSpace& space_;
  const ProfileCache& cache_;
  const SearchOptions& options_;
  std::vector<Family> families_;
  ParetoFront front_;
  std::vector<Bounded> too_large_;  // bounded above the memory limit
  std::optional<Evaluation> miss_;
  SearchResult result_;
};

}  // namespace

SearchResult search(const Job& job, const PlanSpace& space, const ProfileCache& cache, const SearchOptions& options) {
  return Search(job, space, cache, options).run();
}

Bytes default_memory_limit(const Job& job) {
  return job.memory_limit.value_or(job.cluster->gpu.memory - Bytes{kReserve});
}

std::vector<std::string> suitable_schedules(const Job& job) {
  const bool alone = job.model->encoders.empty() && job.model->generators.empty();
  std::vector<std::string> out;
  for (const ScheduleInfo& info : all_schedules())
    if (info.is_base == alone && !info.on_request && !info.refines) out.push_back(info.name);
  return out;
}

}  // namespace bigmac
