#include "bigmac/planner/search.h"

#include <algorithm>
#include <tuple>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/journal.h"
#include "bigmac/schedule/registry.h"
#include "parallel_for.h"
#include "standing.h"
#include "units.h"

namespace bigmac {
namespace {

constexpr std::int64_t kReserve = std::int64_t{4} << 30;
// Plans are taken in batches of this size; what a batch learns is used from the next on, so that the number of
// threads changes nothing. Dear ones come in smaller batches, because each may make others needless.
constexpr std::size_t kBatch = 64, kThoroughBatch = 16;
// Operations times a family's weight that effort 1 stands for, and the part of it kept for the ranking.
constexpr double kEffortUnit = 1.2e6, kRankingShare = 0.5;
constexpr double kHopeless = -std::numeric_limits<double>::infinity();

/// One plan under one family of schedules.
struct Candidate {
  Unit unit;
  QuickBound bound;
  std::int64_t work = 0;  ///< what building all its schedules takes, in units of effort
};

/// FNV-1a, 64 bits.
struct Hash {
  std::uint64_t value = 0xcbf29ce484222325;

  void add(const std::string& text) {
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  void add(std::int64_t number) { add(std::to_string(number) + ","); }
};

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
        units_(job, space, cache, options),
        families_(units_.families()),
        own_pool_(options.threads),
        pool_(options.pool != nullptr ? *options.pool : own_pool_),
        standing_(options.objective, options.shown, options.memory_limit),
        seen_(space.plans.size()) {
    standing_.counts.excluded = space.excluded;
    for (const Family& family : families_)
      standing_.counts.candidates += static_cast<std::int64_t>(space.plans.size() * family.choices.size());
  }

  SearchResult run() {
    bound_plans();
    if (!options_.journal.empty()) journal_.emplace(options_.journal, fingerprint(), options_.resume);
    try_closed_forms();
    try_thorough();
    if (standing_.best().empty() && !stopped_) find_nearest_miss();
    return result();
  }

 private:
  std::int64_t variants(const Candidate& candidate) const {
    return static_cast<std::int64_t>(families_[candidate.unit.family].choices.size());
  }

  // Bounds of all plans, the least first; those that cannot fit are counted and left out.
  void bound_plans() {
    const std::size_t width = families_.size();
    std::vector<Candidate> all(space_.plans.size() * width);
    std::vector<QuickBound> anywhere(space_.plans.size());
    parallel_for(space_.plans.size(), options_.threads, [&](std::size_t i) {
      const ParallelPlan& plan = space_.plans[i];
      const PlanCosts costs = cache_.costs(plan);
      for (std::size_t f = 0; f < width; ++f) {
        const Family& family = families_[f];
        const auto count = static_cast<std::int64_t>(family.choices.size());
        all[i * width + f] = {
            {i, f}, quick_bound(job_, plan, costs, family.sides), family.weight * count * costs.pipeline.operations()};
      }
      anywhere[i] = quick_bound(job_, plan, costs, SidePlacement::anywhere);
    });
    for (const QuickBound& bound : anywhere)
      if (bound.memory <= options_.memory_limit && (!floor_ || bound.step < *floor_)) floor_ = bound.step;
    for (const Candidate& candidate : all) sort_out(candidate);
    for (auto* candidates : {&closed_, &thorough_})
      std::stable_sort(candidates->begin(), candidates->end(),
                       [](auto& a, auto& b) { return a.bound.step < b.bound.step; });
  }

  void sort_out(const Candidate& candidate) {
    if (candidate.bound.memory > options_.memory_limit) {
      standing_.counts.pruned_memory += variants(candidate);
      too_large_.push_back(candidate);
    } else {
      (families_[candidate.unit.family].thorough ? thorough_ : closed_).push_back(candidate);
    }
  }

  void try_closed_forms() {
    for (std::size_t begin = 0; begin < closed_.size(); begin += kBatch) {
      const std::size_t end = std::min(closed_.size(), begin + kBatch);
      std::vector<Candidate> batch(closed_.begin() + static_cast<std::ptrdiff_t>(begin),
                                   closed_.begin() + static_cast<std::ptrdiff_t>(end));
      prune(batch);
      run_batch(batch);
      report(end);
    }
  }

  // Schedules that search while they build: first on plans that may enter the ranking, the least bound first, then
  // where the front may gain most. What others have shown by then prunes most of them.
  void try_thorough() {
    const double budget = options_.effort * kEffortUnit;
    const auto for_ranking = [&](const QuickBound& expected) {
      return standing_.may_rank(expected) ? -static_cast<double>(expected.step.value) : kHopeless;
    };
    const auto for_front = [&](const QuickBound& expected) { return standing_.gain(expected); };
    const double spared = spend(budget * kRankingShare, for_ranking);
    spend(budget * (1 - kRankingShare) + spared, for_front);
    prune(thorough_);
    for (const Candidate& candidate : thorough_) leave(candidate);
  }

  void leave(const Candidate& candidate) {
    standing_.counts.left += variants(candidate);
    if (!left_ || candidate.bound.step < *left_) left_ = candidate.bound.step;
  }

  // What a candidate may come to: the bound of its time, and the memory that closed forms needed on the same plan; a
  // plan on which none was worth trying, or none fitted, comes last.
  std::pair<bool, QuickBound> expectation(const Candidate& candidate) const {
    const std::optional<Bytes>& least = seen_[candidate.unit.plan];
    if (!least || *least > options_.memory_limit) return {false, candidate.bound};
    return {true, {candidate.bound.step, std::max(candidate.bound.memory, *least)}};
  }

  // Runs batches of what promises most until the budget is spent; returns what is left of it.
  template <class Promise>
  double spend(double budget, Promise&& promise) {
    while (!stopped_) {
      prune(thorough_);
      std::vector<std::tuple<bool, double, std::size_t>> order;
      for (std::size_t i = 0; i < thorough_.size(); ++i) {
        const auto [seen, expected] = expectation(thorough_[i]);
        const double promised = promise(expected);
        if (promised > kHopeless) order.emplace_back(!seen, -promised, i);
      }
      std::sort(order.begin(), order.end());
      std::vector<std::size_t> taken;
      for (const auto& [unseen, minus_promise, i] : order) {
        if (taken.size() == kThoroughBatch) break;
        if (static_cast<double>(thorough_[i].work) > budget) continue;
        budget -= static_cast<double>(thorough_[i].work);
        taken.push_back(i);
      }
      if (taken.empty()) return budget;
      run_batch(take_out(taken));
      report(closed_.size());
    }
    return 0;
  }

  std::vector<Candidate> take_out(std::vector<std::size_t> indices) {
    std::sort(indices.begin(), indices.end());
    std::vector<Candidate> batch, rest;
    for (std::size_t i = 0; i < thorough_.size(); ++i)
      (std::binary_search(indices.begin(), indices.end(), i) ? batch : rest).push_back(thorough_[i]);
    thorough_ = std::move(rest);
    return batch;
  }

  void prune(std::vector<Candidate>& candidates) {
    std::erase_if(candidates, [&](const Candidate& candidate) {
      const bool skip = !standing_.can_matter(candidate.bound);
      if (skip) standing_.counts.pruned_bound += variants(candidate);
      return skip;
    });
  }

  // From the journal what it holds, the rest from the pool. Results count in the order of the batch; a batch that was
  // stopped counts for nothing, so that what is counted does not depend on the moment.
  void run_batch(const std::vector<Candidate>& batch) {
    std::vector<std::optional<Found>> found = known_results(batch);
    std::vector<std::string> tasks;
    std::vector<std::size_t> index;
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (!found[i]) tasks.push_back(units_.task(batch[i].unit)), index.push_back(i);
    const auto done = [&](std::size_t i, const std::string& result) {
      found[index[i]] = units_.found(batch[index[i]].unit, result);
      if (journal_) journal_->append(tasks[i], result);
    };
    if (!stopped_)
      pool_.run(
          tasks, [&](const std::string& task) { return units_.work(task); }, done, options_.stop);
    stopped_ = stopped_ || std::any_of(found.begin(), found.end(), [](const auto& one) { return !one; });
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (stopped_) leave(batch[i]);
      else take(batch[i], *found[i]);
  }

  std::vector<std::optional<Found>> known_results(const std::vector<Candidate>& batch) {
    std::vector<std::optional<Found>> found(batch.size());
    for (std::size_t i = 0; journal_ && i < batch.size(); ++i)
      if (const auto known = journal_->find(units_.task(batch[i].unit))) found[i] = units_.found(batch[i].unit, *known);
    return found;
  }

  void take(const Candidate& candidate, const Found& found) {
    for (auto it = found.begin(); it != found.end(); ++it) {
      standing_.take(*it, std::any_of(found.begin(), it, [&](const auto& other) { return same_result(other, *it); }));
      std::optional<Bytes>& least = seen_[candidate.unit.plan];
      if (*it && (!least || (*it)->memory < *least)) least = (*it)->memory;
    }
  }

  // What results depend on: the bounds stand for job, space and costs.
  std::string fingerprint() const {
    Hash hash;
    hash.add(options_.memory_limit.value);
    for (const Family& family : families_)
      for (const ScheduleChoice& choice : family.choices) {
        hash.add(choice.name + "/" + choice.base);
        for (const auto& [name, value] : choice.parameters) hash.add(name), hash.add(value);
      }
    for (const auto* candidates : {&closed_, &thorough_, &too_large_})
      for (const Candidate& candidate : *candidates) {
        hash.add(static_cast<std::int64_t>(candidate.unit.plan));
        hash.add(candidate.bound.step.value), hash.add(candidate.bound.memory.value);
      }
    return fmt::format("{:016x}", hash.value);
  }

  // Nothing fits: what was bounded above the limit is built too, the least bound first, until none can need less.
  void find_nearest_miss() {
    std::stable_sort(too_large_.begin(), too_large_.end(),
                     [](auto& a, auto& b) { return a.bound.memory < b.bound.memory; });
    for (const Candidate& candidate : too_large_) {
      if (standing_.miss() && candidate.bound.memory > standing_.miss()->memory) break;
      for (const auto& found : units_.run(candidate.unit)) standing_.note_miss(found);
    }
  }

  void report(std::size_t done) const {
    if (options_.progress) options_.progress(done, closed_.size() + thorough_.size());
  }

  SearchResult result() {
    SearchResult out;
    out.best = standing_.best();
    out.front = standing_.front().plans();
    if (out.best.empty()) out.nearest_miss = standing_.miss();
    out.counts = standing_.counts;
    out.interrupted = stopped_;
    out.resumed = journal_ ? journal_->resumed() : 0;
    out.floor = floor_.value_or(Nanoseconds{0});
    if (!out.front.empty()) out.proven = std::min(out.front.front().step, left_.value_or(out.front.front().step));
    return out;
  }

  const Job& job_;
  const PlanSpace& space_;
  const ProfileCache& cache_;
  const SearchOptions& options_;
  UnitWork units_;
  const std::vector<Family>& families_;
  ThreadPool own_pool_;
  TaskPool& pool_;
  std::optional<Journal> journal_;
  bool stopped_ = false;
  Standing standing_;
  std::vector<std::optional<Bytes>> seen_;    // by plan: the least memory that any schedule needed there
  std::vector<Candidate> closed_, thorough_;  // not tried yet; of the second kind, none that cannot matter
  std::vector<Candidate> too_large_;          // bounded above the memory limit
  std::optional<Nanoseconds> floor_, left_;
};

}  // namespace

SearchResult search(const Job& job, const PlanSpace& space, const ProfileCache& cache, const SearchOptions& options) {
  return Search(job, space, cache, options).run();
}

TaskWork search_work(const Job& job, const PlanSpace& space, const ProfileCache& cache, const SearchOptions& options) {
  return [units = UnitWork(job, space, cache, options)](const std::string& task) { return units.work(task); };
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
