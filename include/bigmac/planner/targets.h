// Limits that a plan is to meet, "memory<=60GB" or "mfu>=40%": the plan that meets them, or the nearest one and which
// limit would have to give by how much.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bigmac/planner/evaluate.h"

namespace bigmac {

enum class TargetQuantity { step, memory, mfu, tokens_per_gpu };

struct Target {
  TargetQuantity quantity = TargetQuantity::step;
  double limit = 0;    ///< ns, bytes, a share, tokens a second and GPU
  std::string text{};  ///< as written
};

/// "step<=7s", "memory<=60GB", "mfu>=40%", "tokens>=5000" (a second and GPU). Throws Error{bad_input} at `where`.
Target parse_target(const std::string& text, const std::string& where);

/// Tokens of one step of the job, over its time and GPUs.
double tokens_per_gpu_second(const Job& job, const Evaluation& plan);

struct TargetAnswer {
  std::optional<Evaluation> met;      ///< the fastest plan that meets all
  std::optional<Evaluation> nearest;  ///< when none does: the one whose worst shortfall is least
  /// For each target, when none meets all: the value it would have to take so that, all others kept, some plan meets
  /// it; nothing where no value is enough.
  std::vector<std::optional<double>> relaxed;
};

/// `front`: of time and memory. Every quantity here gets better with less time or less memory, so a plan off the front
/// meets no target that a plan on it does not.
TargetAnswer meet_targets(const Job& job, const std::vector<Evaluation>& front, const std::vector<Target>& targets);

/// What is to be told: one line, or a line for each limit that might give.
std::string target_lines(const TargetAnswer& answer, const std::vector<Target>& targets);

}  // namespace bigmac
