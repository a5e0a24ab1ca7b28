#include "families.h"

#include <algorithm>

#include "bigmac/schedule/llm_base.h"
#include "bigmac/schedule/registry.h"

namespace bigmac {
namespace {

// Measured on plans of 600 to 70,000 operations: optimus takes 3-6 us an operation, hybrid twice as much, a closed form
// a hundredth.
constexpr std::int64_t kLateWeight = 1, kThoroughWeight = 64, kRefiningWeight = 128;

/// Where a schedule places modules, as far as the bounds may count on it: a base may place stages as it likes or
/// split backwards.
SidePlacement placement_of(const ScheduleInfo& info, const std::string& base) {
  const bool by_default = base.empty() || find_llm_base(base).plain;
  return by_default ? info.sides : SidePlacement::anywhere;
}

Family& family_of(std::vector<Family>& all, SidePlacement sides, const ScheduleInfo& info, bool late) {
  const bool thorough = info.thorough || late;
  const std::int64_t weight = info.refines ? kRefiningWeight : info.thorough ? kThoroughWeight : late ? kLateWeight : 0;
  const auto known =
      std::find_if(all.begin(), all.end(), [&](const Family& f) { return f.sides == sides && !f.thorough; });
  if (!thorough && known != all.end()) return *known;
  all.push_back({sides, thorough, weight, {}});
  return all.back();
}

/// With these a build takes the least time.
std::map<std::string, std::int64_t> cheap_settings(const ScheduleInfo& info) {
  std::map<std::string, std::int64_t> out;
  for (const ScheduleParameter& parameter : info.parameters)
    if (parameter.cheap) out[parameter.name] = *parameter.cheap;
  return out;
}

}  // namespace

std::vector<Family> families(const std::vector<std::string>& names, const std::string& base) {
  std::vector<Family> out;
  for (const std::string& name : names) {
    const ScheduleInfo& info = find_schedule(name);
    const std::string own_base = info.bases.empty() ? "" : base;
    const std::map<std::string, std::int64_t> cheap = cheap_settings(info);
    const auto add = [&](const std::map<std::string, std::int64_t>& parameters, bool late) {
      family_of(out, placement_of(info, own_base), info, late).choices.push_back({name, own_base, parameters});
    };
    add(cheap, false);
    for (const ScheduleParameter& parameter : info.parameters)
      for (const std::int64_t value : parameter.tries) {
        std::map<std::string, std::int64_t> parameters = cheap;
        parameters[parameter.name] = value;
        add(parameters, parameter.late);
      }
  }
  return out;
}

std::vector<std::string> refining_schedules() {
  std::vector<std::string> out;
  for (const ScheduleInfo& info : all_schedules())
    if (info.refines) out.push_back(info.name);
  return out;
}

}  // namespace bigmac
