#include "bigmac/planner/search.h"

#include <algorithm>
#include <deque>
#include <iterator>
#include <map>

#include <fmt/format.h>

#include "agenda.h"
#include "bigmac/planner/journal.h"
#include "bigmac/schedule/registry.h"
#include "parallel_for.h"

namespace bigmac {
namespace {

constexpr std::int64_t kReserve = std::int64_t{4} << 30;
// Operations times a family's weight that effort 1 stands for.
constexpr double kEffortUnit = 64 * 0.25e6;
constexpr std::size_t kReported = 64;  // how many results lie between two reports

/// FNV-1a, 64 bits.
struct Hash {
  std::uint64_t value = 0xcbf29ce484222325;

  void add(const std::string& text) {
    for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  }
  void add(std::int64_t number) { add(std::to_string(number) + ","); }
};

class Search {
 public:
  Search(const Job& job, const PlanSpace& space, const ProfileCache& cache, const SearchOptions& options)
      : job_(job),
        space_(space),
        cache_(cache),
        options_(options),
        units_(job, space, cache, options),
        own_pool_(options.threads),
        pool_(options.pool != nullptr ? *options.pool : own_pool_),
        standing_(options.objective, options.shown, options.memory_limit) {
    standing_.counts.excluded = space.excluded;
    for (const Family& family : units_.families())
      standing_.counts.candidates += static_cast<std::int64_t>(space.plans.size() * family.choices.size());
  }

  SearchResult run() {
    std::vector<Candidate> all = bound_plans();
    if (!options_.journal.empty()) journal_.emplace(options_.journal, fingerprint(all), options_.resume);
    agenda_.emplace(make_agenda(std::move(all)));
    evaluate_what_matters();
    if (standing_.best().empty() && !stopped_) find_nearest_miss();
    return result();
  }

 private:
  /// A candidate that was begun, and its result once that is in.
  struct Begun {
    Candidate candidate;
    std::optional<Found> found;
  };

  std::vector<Candidate> bound_plans() {
    const std::vector<Family>& families = units_.families();
    std::vector<Candidate> all(space_.plans.size() * families.size());
    for (std::size_t i = 0; i < all.size(); ++i)
      all[i].variants = static_cast<std::int64_t>(families[i % families.size()].choices.size());
    std::vector<std::optional<QuickBound>> anywhere(space_.plans.size());
    parallel_for(space_.plans.size(), options_.threads, [&](std::size_t i) {
      const PlanCosts costs = cache_.costs(space_.plans[i]);
      if (says_what_another_does(space_.plans[i], costs)) return;
      std::map<SidePlacement, std::vector<QuickBound>> bounds;
      const auto bounds_for = [&](SidePlacement sides) -> const std::vector<QuickBound>& {
        std::vector<QuickBound>& known = bounds[sides];
        if (known.empty()) known = quick_bounds(job_, space_.plans[i], costs, sides);
        return known;
      };
      for (std::size_t f = 0; f < families.size(); ++f)
        all[i * families.size() + f] =
            candidate({i, f}, bounds_for(families[f].sides), families[f], costs.pipeline.operations());
      anywhere[i] = bounds_for(SidePlacement::anywhere).front();
    });
    for (const auto& bound : anywhere)
      if (bound && bound->memory <= options_.memory_limit && (!floor_ || bound->step < *floor_)) floor_ = bound->step;
    return all;
  }

  /// Partial recompute of nothing, where plans without recompute are tried as well.
  bool says_what_another_does(const ParallelPlan& plan, const PlanCosts& costs) const {
    return plan.recompute == Recompute::partial && !job_.parallel.recompute &&
           std::all_of(costs.again.begin(), costs.again.end(), [](std::uint32_t count) { return count == 0; });
  }

  // Who frees degrees that a job states should not end with a worse plan because the effort was spent elsewhere.
  bool begins_with(const ParallelPlan& plan) const {
    const FixedParallel& stated = options_.begin_with;
    const auto is = [](const auto& value, auto own) { return !value || *value == own; };
    return stated.tp && stated.pp && is(stated.tp, plan.tp) && is(stated.cp, plan.cp) && is(stated.pp, plan.pp) &&
           is(stated.vpp, plan.vpp) && is(stated.dp, plan.dp) && is(stated.ep, plan.ep) &&
           is(stated.encoder_tp, plan.encoder_tp) && is(stated.encoder_pp, plan.encoder_pp) &&
           is(stated.generator_tp, plan.generator_tp) && is(options_.begin_with_micro, plan.micro_batch);
  }

  Candidate candidate(const Unit& unit, const std::vector<QuickBound>& corners, const Family& family,
                      std::int64_t operations) const {
    Candidate out{unit, {}, {}, static_cast<std::int64_t>(family.choices.size()), 0};
    if (corners.empty()) return out;
    out.first = begins_with(space_.plans[unit.plan]);
    out.work = family.weight * out.variants * operations;
    std::copy_if(corners.begin(), corners.end(), std::back_inserter(out.corners),
                 [&](const QuickBound& corner) { return corner.memory <= options_.memory_limit; });
    if (out.corners.empty()) out.corners = corners;
    out.bound = out.corners.front();
    for (const QuickBound& corner : out.corners)
      out.bound = {std::min(out.bound.step, corner.step), std::min(out.bound.memory, corner.memory)};
    return out;
  }

  // Those that cannot fit are counted and left out.
  Agenda make_agenda(std::vector<Candidate> all) {
    std::vector<Candidate> closed, thorough;
    for (const Candidate& candidate : all) {
      if (candidate.corners.empty()) {
        const bool listed = units_.families()[candidate.unit.family].sides == SidePlacement::one_list;
        (listed ? standing_.counts.refused : standing_.counts.repeated) += candidate.variants;
      } else if (candidate.bound.memory <= options_.memory_limit) {
        (units_.families()[candidate.unit.family].thorough ? thorough : closed).push_back(candidate);
      } else {
        standing_.counts.pruned_memory += candidate.variants;
        too_large_.push_back(candidate);
      }
    }
    return {std::move(closed), std::move(thorough), space_.plans.size(), options_.effort * kEffortUnit,
            options_.memory_limit};
  }

  // Results count in the order in which candidates were begun; what was begun after one without a result, because the
  // search was stopped, counts for nothing, so that what is counted does not depend on the moment.
  void evaluate_what_matters() {
    const TaskStream stream{[&] { return next_task(); },
                            [&](std::size_t index, const std::string& result) { note_result(index, result); }};
    pool_.run(
        stream, [&](const std::string& task) { return units_.work(task); }, options_.stop);
    while (!window_.empty() && window_.front().found) count_first();
    stopped_ = !window_.empty() || !exhausted_;
    for (const Begun& begun : window_) leave(begun.candidate);
    for (const Candidate& candidate : agenda_->end(standing_)) leave(candidate);
  }

  // The n-th candidate is chosen knowing the results of all but the `ahead` before it, of no others, however many
  // workers there are and whatever each takes.
  std::optional<std::string> next_task() {
    while (!exhausted_) {
      while (window_.size() >= agenda_->ahead()) {
        if (!window_.front().found) return std::nullopt;
        count_first();
      }
      const std::optional<Candidate> candidate = agenda_->next(standing_);
      if (!candidate) break;
      std::string task = units_.task(candidate->unit);
      const auto known = journal_ ? journal_->find(task) : std::nullopt;
      window_.push_back({*candidate, std::nullopt});
      if (known) {
        window_.back().found = units_.found(candidate->unit, *known);
      } else {
        given_.push_back(counted_ + window_.size() - 1);
        return task;
      }
    }
    exhausted_ = true;
    return std::nullopt;
  }

  void note_result(std::size_t index, const std::string& result) {
    Begun& begun = window_[given_[index] - counted_];
    begun.found = units_.found(begun.candidate.unit, result);
    if (journal_) journal_->append(units_.task(begun.candidate.unit), result);
  }

  void count_first() {
    const Begun& first = window_.front();
    for (const std::optional<Evaluation>& one : *first.found) {
      standing_.take(one);
      if (one) agenda_->saw(first.candidate.unit.plan, one->memory, one->step);
    }
    window_.pop_front();
    ++counted_;
    if (options_.progress && counted_ % kReported == 0)
      options_.progress(agenda_->tried(), agenda_->tried() + agenda_->untried());
  }

  void leave(const Candidate& candidate) {
    standing_.counts.left += candidate.variants;
    if (!left_ || candidate.bound.step < *left_) left_ = candidate.bound.step;
  }

  // What results depend on: the bounds stand for job, space and costs.
  std::string fingerprint(const std::vector<Candidate>& all) const {
    Hash hash;
    hash.add(options_.memory_limit.value);
    for (const Family& family : units_.families()) {
      hash.add("family");
      for (const ScheduleChoice& choice : family.choices) {
        hash.add(choice.name + "/" + choice.base);
        for (const auto& [name, value] : choice.parameters) hash.add(name), hash.add(value);
      }
    }
    for (const Candidate& candidate : all) hash.add(candidate.bound.step.value), hash.add(candidate.bound.memory.value);
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
  ThreadPool own_pool_;
  TaskPool& pool_;
  std::optional<Journal> journal_;
  Standing standing_;
  std::optional<Agenda> agenda_;
  std::deque<Begun> window_;        // begun and not counted, in order
  std::size_t counted_ = 0;         // before the first of window_
  std::vector<std::size_t> given_;  // by task: the how manieth candidate it is
  bool exhausted_ = false, stopped_ = false;
  std::vector<Candidate> too_large_;  // bounded above the memory limit
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
