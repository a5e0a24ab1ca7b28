// The Python module's core: the chain of the simulator and the planner, as functions on text and arrays. What Python
// people see is bigmac/__init__.py.
#include <thread>

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/outputs.h"
#include "bigmac/planner/space.h"
#include "bigmac/report/picture.h"
#include "bigmac/report/tables.h"
#include "bigmac/schedule/registry.h"
#include "conversions.h"

namespace bigmac::python {
namespace {

using Parameters = std::map<std::string, std::int64_t>;

/// A job file's text with the files it names put in place.
std::string load(const std::string& text, const std::string& file) { return parse_job(text, file).resolved; }

py::dict simulate_job(const std::string& text, const std::string& file, const std::string& schedule,
                      const std::string& base, const Parameters& parameters) {
  ScheduleFile out;
  out.job = parse_job(text, file);
  if (!out.job.abstract) bad_input(file, "a job with a model is planned: bigmac.plan(job, schedules=[...])");
  out.pipeline = out.job.abstract->pipeline;
  out.costs = cost_table_from(out.pipeline, out.job.abstract->costs);
  auto result = [&] {
    const py::gil_scoped_release others_run;
    out.schedule = build_schedule(schedule, {out.pipeline, out.costs, base, parameters});
    out.take_costs(out.costs);
    return simulate(out.pipeline, out.costs, out.schedule);
  }();
  if (const auto* fault = std::get_if<Fault>(&result)) throw Error(ErrorCode::bad_schedule, schedule, fault->message);
  return outcome_dict(out, std::get<Outcome>(result));
}

/// {"valid": bool, ...}: the outcome, or the fault's message, cycle and grid.
py::dict check(const std::string& text, const std::string& file) {
  const ReadSchedule read = parse_schedule(text, file);
  const auto invalid = [&](const Fault& fault) {
    py::dict out;
    out["valid"] = false;
    out["message"] = fault.message;
    out["cycle"] = fault.cycle;
    out["grid"] = fault.grid;
    return out;
  };
  if (const auto fault = find_incompleteness(read.file.pipeline, read.file.schedule)) return invalid(*fault);
  const auto result = simulate(read.file.pipeline, read.file.costs, read.file.schedule);
  if (const auto* fault = std::get_if<Fault>(&result)) return invalid(*fault);
  const auto& outcome = std::get<Outcome>(result);
  if (const auto message = find_disagreement(read, outcome)) {
    Fault fault;
    fault.message = *message;
    return invalid(fault);
  }
  py::dict out = outcome_dict(read.file, outcome);
  out["valid"] = true;
  return out;
}

SearchOptions options_for(const Job& job, const std::string& objective, const std::vector<std::string>& schedules,
                          std::int64_t memory_limit, int threads) {
  SearchOptions out;
  if (objective == "memory") out.objective = Objective::memory;
  else if (objective == "pareto") out.objective = Objective::pareto;
  else if (objective != "time")
    bad_input("objective", unknown_name("objective", objective, {"time", "memory", "pareto"}));
  for (const std::string& name : schedules) find_schedule(name);
  out.schedules = schedules;
  out.refine = schedules.empty();
  out.memory_limit = memory_limit > 0 ? Bytes{memory_limit} : default_memory_limit(job);
  out.threads = threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  return out;
}

py::dict plan(const std::string& text, const std::string& file, const std::string& objective,
              const std::vector<std::string>& schedules, std::int64_t memory_limit, int threads) {
  Job job = parse_job(text, file);
  SearchResult result;
  DetailedPlan chosen;
  {
    const py::gil_scoped_release others_run;
    const PlanSpace space = enumerate_plans(job);
    const SearchOptions options = options_for(job, objective, schedules, memory_limit, threads);
    job.memory_limit = options.memory_limit;
    const ProfileCache cache(job, space.plans, options.threads);
    result = search(job, space, cache, options);
    if (result.best.empty()) throw Error(ErrorCode::no_plan, file, "no feasible plan within the memory limit");
    chosen = work_out(job, cache.costs(result.best.front().plan), result.best.front());
  }
  py::dict out = dict_of_json(search_json(job, result, *job.memory_limit));
  out["schedule"] = outcome_dict(chosen.file, chosen.outcome);
  return out;
}

std::string draw(const std::string& text, const std::string& file, double width) {
  const ReadSchedule read = parse_schedule(text, file);
  const auto result = simulate(read.file.pipeline, read.file.costs, read.file.schedule);
  if (const auto* fault = std::get_if<Fault>(&result)) throw Error(ErrorCode::bad_schedule, file, fault->message);
  return schedule_picture(read.file, std::get<Outcome>(result), {width, {}, {}});
}

}  // namespace
}  // namespace bigmac::python

PYBIND11_MODULE(_core, module) {
  using namespace bigmac::python;
  module.attr("__version__") = bigmac::kVersion;
  py::register_exception<bigmac::Error>(module, "Error", PyExc_ValueError);
  module.def("load", &load);
  module.def("simulate", &simulate_job);
  module.def("check", &check);
  module.def("plan", &plan);
  module.def("draw", &draw);
  module.def("schedules", &bigmac::schedules_json);
}
