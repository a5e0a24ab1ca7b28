// The search: every plan of the space, bounded before it is built, simulated while it can still matter.
#pragma once

#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/space.h"
#include "bigmac/planner/task_pool.h"

namespace bigmac {

enum class Objective { time, memory, pareto };

inline constexpr double kExhaustive = std::numeric_limits<double>::infinity();

struct SearchOptions {
  Objective objective = Objective::time;
  std::vector<std::string> schedules;  ///< empty: every one that suits the job
  std::string base;                    ///< empty: each schedule's own default
  Bytes memory_limit{};                ///< per GPU
  int threads = 1;
  std::size_t shown = 10;  ///< plans ranked in SearchResult::best
  bool refine = false;     ///< also the schedules that are too dear for every plan (hybrid)
  /// How much work goes into schedules that search while they build (optimus, hybrid), the most promising plans first.
  /// 1: about four seconds of one core; infinite: until no plan left can matter.
  double effort = kExhaustive;
  /// Degrees and samples of a microbatch whose plans come first among those schedules: what a job states and the search
  /// frees. Without tp and pp: none.
  FixedParallel begin_with = {};
  std::optional<std::int64_t> begin_with_micro = {};
  TaskPool* pool = nullptr;    ///< where plans are evaluated; none: `threads` of this process
  std::string journal;         ///< file that results are appended to as they are found; empty: none
  bool resume = false;         ///< take what the journal holds, then go on
  std::function<bool()> stop;  ///< true: end with what was found
  std::function<void(std::size_t done, std::size_t all)> progress;  ///< called from one thread
};

/// What became of the candidates; a candidate is one plan under one schedule.
struct SearchCounts {
  std::int64_t candidates = 0;
  std::int64_t repeated = 0;       ///< partial recompute of nothing: the plan without is the same
  std::int64_t pruned_memory = 0;  ///< bounded above the memory limit, not built (but for the nearest miss)
  std::int64_t pruned_bound = 0;   ///< bounded away from the ten best and from the front, not built
  std::int64_t refused = 0;        ///< the schedule does not suit the plan's pipeline
  std::int64_t over_memory = 0;    ///< built, and its order found to need more than the limit; not timed
  std::int64_t simulated = 0;
  std::int64_t left = 0;  ///< could still matter by their bounds when the effort was spent

  std::map<std::string, std::int64_t> excluded;  ///< combinations no trainer could run, by reason
};

struct SearchResult {
  std::vector<Evaluation> best;            ///< by the objective, the chosen plan first
  std::vector<Evaluation> front;           ///< no plan within the limit is faster and smaller; fastest first
  std::optional<Evaluation> nearest_miss;  ///< when nothing fits: the plan that needs least memory
  /// No plan of the space takes less under any of the schedules searched: the least of the best plan's step and of the
  /// bounds of all candidates left.
  Nanoseconds proven{};
  /// No order of operations of any plan that may fit takes less, whatever places its stages: all work over all ranks.
  Nanoseconds floor{};
  SearchCounts counts;
  bool interrupted = false;  ///< `stop` ended it: what was not tried yet is counted as left
  std::size_t resumed = 0;   ///< results taken from the journal
};

/// Exact within the space where SearchCounts::left is 0: a candidate is skipped only when its bounds show that it can
/// neither enter the ranking nor the front. Otherwise SearchResult::proven says what may have been missed. The same
/// result and counts for any number of threads.
SearchResult search(const Job& job, const PlanSpace& space, const ProfileCache& cache, const SearchOptions& options);

/// The GPU's memory less what CUDA, NCCL and fragmentation take (assumed 4 GiB), or the job's own limit.
Bytes default_memory_limit(const Job& job);

/// What every process of a pool does with the tasks of search() for the same arguments.
TaskWork search_work(const Job& job, const PlanSpace& space, const ProfileCache& cache, const SearchOptions& options);

/// Schedules that can place this job's modules, but for the baselines that are tried only when named.
std::vector<std::string> suitable_schedules(const Job& job);

}  // namespace bigmac
