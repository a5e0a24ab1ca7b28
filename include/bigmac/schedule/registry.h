// Every schedule the project knows, in one explicit table.
//
// To add one: write a builder in a file of its own under sim/schedule/, declare it in builders.h and
// add a row to registry.cpp. Nothing else in the project needs to know.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bigmac/cost/cost_table.h"
#include "bigmac/cost/plan_costs.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac {

/// A knob of a schedule, as `bigmac-sim list` shows it.
struct ScheduleParameter {
  std::string name;
  std::string meaning;
  std::int64_t least = 0;
  std::int64_t most = 0;
  std::optional<std::int64_t> fallback;    ///< absent: the builder chooses
  std::vector<std::int64_t> tries = {};    ///< values a planner tries besides the default
  std::optional<std::int64_t> cheap = {};  ///< what a planner sets while it compares many plans: a quicker build
  std::string tag = {};                    ///< appended to the schedule's name in tables, "{}" the value
  bool late = false;                       ///< a planner tries `tries` after everything that takes no time to build
};

/// What a builder is given. `costs` may guide placement; a builder never times anything with it
/// that it does not say in its notes.
struct ScheduleRequest {
  const Pipeline& pipeline;
  const CostTable& costs;
  std::string base;                                ///< empty: the schedule's own default
  std::map<std::string, std::int64_t> parameters;  ///< checked against the registry
  std::vector<HeldBytes> held = {};  ///< by rank, for schedules that keep within a memory limit; empty: nothing
};

struct ScheduleInfo {
  std::string name = {};
  std::string summary = {};
  std::string paper = {};
  std::string needs = {};               ///< what a job must have, in words
  std::vector<std::string> bases = {};  ///< LLM pipelines it can stand on; empty: it takes none
  std::vector<ScheduleParameter> parameters = {};
  bool is_base = false;         ///< an LLM pipeline by itself
  bool refines = false;         ///< too dear for every plan: a planner tries it on the best ones
  bool on_request = false;      ///< a baseline: a planner tries it only when it is named
  bool encoder_stages = false;  ///< runs encoders that are cut into stages
  bool thorough = false;        ///< searches while it builds: a planner asks it last
  bool one_list = false;        ///< a model's layers reach it as one list (OneList), cut into stages
  SidePlacement sides = SidePlacement::every_rank;  ///< where encoders and generators run
  /// Why the pipeline cannot be scheduled so, or nothing.
  std::optional<std::string> (*refuses)(const ScheduleRequest&) = nullptr;
  Schedule (*build)(const ScheduleRequest&) = nullptr;
};

const std::vector<ScheduleInfo>& all_schedules();

/// Throws Error{bad_input} listing the known names.
const ScheduleInfo& find_schedule(const std::string& name);

/// Throws Error{bad_input} for a base or a parameter that the schedule does not take.
void check_choice(const ScheduleInfo& info, const std::string& base,
                  const std::map<std::string, std::int64_t>& parameters);

/// Whether `info` can schedule the pipeline; the base, where empty, is the default one.
bool schedule_fits(const ScheduleInfo& info, const ScheduleRequest& request);

/// Checks base and parameters against the registry, asks the schedule whether it can, and builds.
/// Throws Error{bad_input} for unknown names, values out of range, and refusals (with the reason).
Schedule build_schedule(const std::string& name, const ScheduleRequest& request);

}  // namespace bigmac
