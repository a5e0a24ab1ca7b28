#include "units.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <sstream>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/space.h"

namespace bigmac {
namespace {

constexpr const char* kRefused = "-";

// Floating point goes as its bits: the same number comes back. The limit is one that the schedule was asked to keep.
std::string text_of(const Evaluation& e) {
  const auto limit = e.parameters.find(kMemoryLimit);
  return fmt::format("{},{},{},{:x},{:x},{},{}", e.iteration.value, e.step.value, e.memory.value,
                     std::bit_cast<std::uint64_t>(e.mfu), std::bit_cast<std::uint64_t>(e.bubble), e.base,
                     limit == e.parameters.end() ? 0 : limit->second);
}

template <class Number>
Number number(const std::string& text, const std::string& all, int base = 10) {
  Number out{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out, base);
  if (error != std::errc{} || end != text.data() + text.size()) bad_input("search", "no result of a unit: " + all);
  return out;
}

std::vector<std::string> split(const std::string& text, char by) {
  std::vector<std::string> out;
  std::istringstream in(text + by);
  for (std::string part; std::getline(in, part, by);) out.push_back(part);
  return out;
}

void read_numbers(const std::string& text, Evaluation& out) {
  const std::vector<std::string> parts = split(text, ',');
  if (parts.size() != 7) bad_input("search", "no result of a unit: " + text);
  out.iteration = Nanoseconds{number<std::int64_t>(parts[0], text)};
  out.step = Nanoseconds{number<std::int64_t>(parts[1], text)};
  out.memory = Bytes{number<std::int64_t>(parts[2], text)};
  out.mfu = std::bit_cast<double>(number<std::uint64_t>(parts[3], text, 16));
  out.bubble = std::bit_cast<double>(number<std::uint64_t>(parts[4], text, 16));
  out.base = parts[5];
  if (const auto limit = number<std::int64_t>(parts[6], text); limit > 0) out.parameters[kMemoryLimit] = limit;
}

}  // namespace

std::vector<std::string> schedules_of(const Job& job, const SearchOptions& options) {
  std::vector<std::string> names = options.schedules.empty() ? suitable_schedules(job) : options.schedules;
  if (!options.refine) return names;
  for (const std::string& name : refining_schedules())
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  return names;
}

UnitWork::UnitWork(const Job& job, const PlanSpace& space, const ProfileCache& cache, const SearchOptions& options)
    : job_(job),
      space_(space),
      cache_(cache),
      limit_(options.memory_limit),
      families_(bigmac::families(schedules_of(job, options), options.base)) {}

Found UnitWork::run(const Unit& unit) const {
  const ParallelPlan& plan = space_.plans[unit.plan];
  const PlanCosts costs = cache_.costs(plan);
  Found out;
  for (const ScheduleChoice& choice : families_[unit.family].choices)
    out.push_back(evaluate(job_, plan, costs, choice, limit_));
  return out;
}

std::string UnitWork::task(const Unit& unit) const { return fmt::format("{},{}", unit.plan, unit.family); }

std::string UnitWork::work(const std::string& task) const {
  const std::vector<std::string> parts = split(task, ',');
  if (parts.size() != 2) bad_input("search", "no unit of work: " + task);
  const Unit unit{number<std::size_t>(parts[0], task), number<std::size_t>(parts[1], task)};
  if (unit.plan >= space_.plans.size() || unit.family >= families_.size())
    bad_input("search", "no unit of work: " + task);
  std::string out;
  for (const auto& found : run(unit)) out += (out.empty() ? "" : ";") + (found ? text_of(*found) : kRefused);
  return out;
}

Found UnitWork::found(const Unit& unit, const std::string& result) const {
  const std::vector<ScheduleChoice>& choices = families_[unit.family].choices;
  const std::vector<std::string> parts = split(result, ';');
  if (parts.size() != choices.size()) bad_input("search", "no result of a unit: " + result);
  Found out(choices.size());
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (parts[i] == kRefused) continue;
    Evaluation& e = out[i].emplace();
    e.plan = plan_under(job_, space_.plans[unit.plan], choices[i]);
    e.schedule = choices[i].name;
    e.parameters = choices[i].parameters;
    e.microbatches = microbatches(job_, e.plan);
    read_numbers(parts[i], e);
  }
  return out;
}

}  // namespace bigmac
