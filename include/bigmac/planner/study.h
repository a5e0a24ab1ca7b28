// One job under one schedule, for those who study schedules: `bigmac-sim run` and `bigmac-sim frontier`.
//
// A job that states a pipeline and its costs is taken as it is. A job with a model is brought there first: under the
// one parallel plan that it allows, or the fastest under that schedule.
#pragma once

#include <optional>
#include <string>

#include "bigmac/planner/evaluate.h"

namespace bigmac {

/// A job at the point where schedules can be built for it.
struct Study {
  ScheduleFile file;                 ///< job and pipeline; the rest is filled by simulate_study()
  CostTable costs;                   ///< the job's; file.costs are those that the schedule's operations run with
  std::optional<ParallelPlan> plan;  ///< of a job with a model
  PlanCosts plan_costs;              ///< likewise
  std::string chosen;                ///< which plan it is and why, in words; empty for a job that states its costs
};

/// Throws Error{bad_input} with the reason where `choice.name` refuses every plan that the job allows, Error{no_plan}
/// where none fits the memory or the job allows none.
Study study_job(Job job, const ScheduleChoice& choice, int threads);

/// The job of a study that has a plan, under `plan` instead.
Study under_plan(const Study& study, const ParallelPlan& plan);

/// Builds `choice` and simulates it; in a job with a model also what the file says of its plan. Throws what
/// build_schedule() throws; a schedule that cannot run comes back as its Fault.
std::variant<Outcome, Fault> simulate_study(Study& study, const ScheduleChoice& choice);

/// Most memory of any GPU where the job has a model; else the most activation bytes of any rank.
Bytes memory_of(const Study& study, const Outcome& outcome);

}  // namespace bigmac
