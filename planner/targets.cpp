#include "bigmac/planner/targets.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/outputs.h"
#include "bigmac/report/tables.h"

namespace bigmac {
namespace {

struct Kind {
  TargetQuantity quantity;
  const char* name;
  bool at_most;  // else at least
};
constexpr Kind kKinds[] = {{TargetQuantity::step, "step", true},
                           {TargetQuantity::memory, "memory", true},
                           {TargetQuantity::mfu, "mfu", false},
                           {TargetQuantity::tokens_per_gpu, "tokens", false}};

const Kind& kind_of(TargetQuantity quantity) {
  return *std::find_if(std::begin(kKinds), std::end(kKinds), [&](const Kind& k) { return k.quantity == quantity; });
}

/// A number with one of the units, in the first unit's scale.
double number_with(const std::string& text, const std::vector<std::pair<std::string, double>>& units,
                   const std::string& where) {
  std::size_t used = 0;
  double number = -1;
  try {
    number = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  for (const auto& [unit, factor] : units)
    if (used > 0 && text.substr(used) == unit && std::isfinite(number) && number > 0) return number * factor;
  bad_input(where, "expected such as step<=7s, memory<=60GB, mfu>=40% or tokens>=5000, found '" + text + "'");
}

double limit_of(TargetQuantity quantity, const std::string& text, const std::string& where) {
  switch (quantity) {
    case TargetQuantity::step: return number_with(text, {{"s", 1e9}, {"ms", 1e6}}, where);
    case TargetQuantity::memory: return static_cast<double>(parse_bytes(text, where).value);
    case TargetQuantity::mfu: return number_with(text, {{"%", 0.01}, {"", 1}}, where);
    case TargetQuantity::tokens_per_gpu: return number_with(text, {{"", 1}}, where);
  }
  return 0;
}

double value_of(const Job& job, const Evaluation& plan, TargetQuantity quantity) {
  switch (quantity) {
    case TargetQuantity::step: return static_cast<double>(plan.step.value);
    case TargetQuantity::memory: return static_cast<double>(plan.memory.value);
    case TargetQuantity::mfu: return plan.mfu;
    case TargetQuantity::tokens_per_gpu: return tokens_per_gpu_second(job, plan);
  }
  return 0;
}

/// By what share the plan misses the target; 0 or less where it meets it.
double shortfall(const Job& job, const Evaluation& plan, const Target& target) {
  const double value = value_of(job, plan, target.quantity);
  return kind_of(target.quantity).at_most ? value / target.limit - 1 : target.limit / std::max(value, 1e-300) - 1;
}

bool meets_all_but(const Job& job, const Evaluation& plan, const std::vector<Target>& targets, std::size_t but) {
  for (std::size_t i = 0; i < targets.size(); ++i)
    if (i != but && shortfall(job, plan, targets[i]) > 0) return false;
  return true;
}

std::optional<double> relaxed_to(const Job& job, const std::vector<Evaluation>& front,
                                 const std::vector<Target>& targets, std::size_t which) {
  std::optional<double> best;
  const TargetQuantity quantity = targets[which].quantity;
  for (const Evaluation& plan : front) {
    if (!meets_all_but(job, plan, targets, which)) continue;
    const double value = value_of(job, plan, quantity);
    if (!best) best = value;
    best = kind_of(quantity).at_most ? std::min(*best, value) : std::max(*best, value);
  }
  return best;
}

std::string shown(TargetQuantity quantity, double value) {
  switch (quantity) {
    case TargetQuantity::step: return human_time(Nanoseconds{std::llround(value)});
    case TargetQuantity::memory: return human_bytes(Bytes{std::llround(value)});
    case TargetQuantity::mfu: return fmt::format("{:.1f}%", 100 * value);
    case TargetQuantity::tokens_per_gpu: return fmt::format("{:.0f}", value);
  }
  return "";
}

std::string plan_line(const Evaluation& plan) {
  return fmt::format("{}, {}: {} in {}, MFU {:.1f}%", plan.label(), plan.schedule_label(), human_time(plan.step),
                     human_bytes(plan.memory), 100 * plan.mfu);
}

}  // namespace

Target parse_target(const std::string& text, const std::string& where) {
  const std::size_t sign = text.find_first_of("<>");
  std::vector<std::string> known;
  for (const Kind& kind : kKinds) known.push_back(kind.name);
  for (const Kind& kind : kKinds) {
    if (text.substr(0, sign) != kind.name) continue;
    if (sign == std::string::npos || text.substr(sign, 2) != (kind.at_most ? "<=" : ">="))
      bad_input(where,
                fmt::format("expected '{}{}' and a limit, found '{}'", kind.name, kind.at_most ? "<=" : ">=", text));
    return {kind.quantity, limit_of(kind.quantity, text.substr(sign + 2), where), text};
  }
  bad_input(where, unknown_name("target", text.substr(0, sign), known));
}

double tokens_per_gpu_second(const Job& job, const Evaluation& plan) {
  const double tokens = static_cast<double>(job.batch.global) * static_cast<double>(job.data.sequence_length);
  const double seconds = 1e-9 * static_cast<double>(plan.step.value);
  return seconds > 0 ? tokens / seconds / job.cluster->gpus : 0;
}

TargetAnswer meet_targets(const Job& job, const std::vector<Evaluation>& front, const std::vector<Target>& targets) {
  TargetAnswer out;
  double least = 0;
  for (const Evaluation& plan : front) {
    double worst = -1;
    for (const Target& target : targets) worst = std::max(worst, shortfall(job, plan, target));
    if (worst <= 0) {
      out.met = plan;
      out.nearest.reset();
      return out;
    }
    if (!out.nearest || worst < least) out.nearest = plan, least = worst;
  }
  for (std::size_t i = 0; i < targets.size(); ++i) out.relaxed.push_back(relaxed_to(job, front, targets, i));
  return out;
}

std::string target_lines(const TargetAnswer& answer, const std::vector<Target>& targets) {
  if (answer.met) return "targets met: " + plan_line(*answer.met) + "\n";
  if (!answer.nearest) return "targets not met: no plan fits at all\n";
  std::string out = "targets not met by any plan; nearest: " + plan_line(*answer.nearest) + "\n";
  for (std::size_t i = 0; i < targets.size(); ++i) {
    out += fmt::format("  {}: ", targets[i].text);
    if (!answer.relaxed[i]) out += "no value of it is enough, with the others kept\n";
    else out += fmt::format("met with the others kept at {}\n", shown(targets[i].quantity, *answer.relaxed[i]));
  }
  return out;
}

}  // namespace bigmac
