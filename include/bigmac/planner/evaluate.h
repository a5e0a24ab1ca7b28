// evaluate(plan): the whole chain of the simulator for one parallel plan and one schedule.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bigmac/cost/plan_costs.h"
#include "bigmac/report/outcome.h"
#include "bigmac/report/schedule_file.h"
#include "bigmac/workload/job.h"

namespace bigmac {

/// What a search remembers of one plan under one schedule.
struct Evaluation {
  ParallelPlan plan;
  std::string schedule, base;
  std::map<std::string, std::int64_t> parameters;  ///< of the schedule, as asked
  std::int64_t microbatches = 0;
  Nanoseconds iteration{};  ///< the pipeline
  Nanoseconds step{};       ///< with what lies outside it
  Bytes memory{};           ///< most on any GPU
  double mfu = 0, bubble = 0;
  std::string bound_by;  ///< filled for plans that are shown

  /// "tp2 pp4 v2 dp16 ep8 mb1 full"; "none/full" where encoders run again what the LLM does not, a third for
  /// generators.
  std::string label() const;
  std::string schedule_label() const;  ///< "bigmac", "bigmac+sort"
};

/// Profiles of the job under every distinct layer plan that `plans` contain, computed once, on `threads` threads.
class ProfileCache {
 public:
  /// `before`: profiles of the same job on another number of GPUs (a node or more) or of another global batch; what
  /// both need is shared.
  ProfileCache(const Job& job, const std::vector<ParallelPlan>& plans, int threads,
               const ProfileCache* before = nullptr);
  PlanCosts costs(const ParallelPlan& plan) const;
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  struct Tables;
  static void take_from(const ProfileCache& before, Tables& tables);
  static void cost_sides(const Job& job, int threads, Tables& tables);
  const Job& job_;
  std::shared_ptr<const Tables> tables_;
  std::vector<std::string> notes_;
};

/// A time and a memory that belong together.
struct QuickBound {
  Nanoseconds step{};
  Bytes memory{};
};
/// Below any order of operations under a placement of encoders and generators: every schedule takes at least the step
/// and at least the memory of one of these; the least step last. Several, because schedules that are free to choose
/// which ranks hold an encoder may save time or memory: for each number of such ranks what it comes to. Empty where the
/// plan's layers cannot stand in one list and that is asked for.
std::vector<QuickBound> quick_bounds(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                     SidePlacement sides);

/// A schedule with a setting of its parameters.
struct ScheduleChoice {
  std::string name, base;
  std::map<std::string, std::int64_t> parameters;
};

/// The plan as the schedule runs it: with one list of layers where it asks for that and the model has more than an LLM.
ParallelPlan plan_under(const Job& job, ParallelPlan plan, const ScheduleChoice& choice);

/// Whether the plan's layers can stand in one list: enough of them for its stages, no sides sharded or cut into stages
/// of their own (unless the job says so: a list has none), recomputed all alike.
bool takes_one_list(const Job& job, const ParallelPlan& plan);

/// The parameter of schedules that can keep within a memory limit.
inline constexpr const char* kMemoryLimit = "memory_limit";

/// What ranks hold under the plan, for a choice that limits memory; else nothing.
std::vector<HeldBytes> held_for(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                const ScheduleChoice& choice);

/// The costs of that plan from those of the plan without the schedule: profiles are shared.
PlanCosts costs_under(const Job& job, const ParallelPlan& own, const PlanCosts& costs);

/// Nothing when the schedule refuses this pipeline, or deadlocks. One that needs more than `memory_limit` is asked to
/// keep within it where it can; else its step stays 0. `costs` are those of `plan`; the result's plan is plan_under.
std::optional<Evaluation> evaluate(const Job& job, const ParallelPlan& plan, const PlanCosts& costs,
                                   const ScheduleChoice& choice, Bytes memory_limit = kMaxBytes);

/// What a search would remember of a schedule that was built and simulated for the plan; bound_by is left empty.
Evaluation evaluation_of(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const Schedule& schedule,
                         const Outcome& outcome);

/// One plan in full: its schedule file and outcome.
struct DetailedPlan {
  ScheduleFile file;
  Outcome outcome;
  Evaluation evaluation;
};
DetailedPlan work_out(const Job& job, const PlanCosts& costs, const Evaluation& evaluation);
/// Fills bound_by of all.
void find_bottlenecks(const Job& job, const ProfileCache& cache, int threads, std::vector<Evaluation>& evaluations);
/// The same for a schedule that is there already, such as one read from a file. Throws Error{bad_schedule} where it
/// cannot run.
DetailedPlan work_out(const Job& job, const PlanCosts& costs, const ParallelPlan& plan, Schedule schedule);

}  // namespace bigmac
