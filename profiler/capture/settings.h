// What the launcher asks of the recorder, through the environment.
#pragma once

#include <optional>
#include <string>

#include "trace_lines.h"

namespace bigmac::capture {

inline constexpr const char* kFolderVariable = "BIGMAC_TRACE_DIR";
inline constexpr const char* kModeVariable = "BIGMAC_TRACE_MODE";
inline constexpr const char* kStepsVariable = "BIGMAC_TRACE_STEPS";
inline constexpr const char* kStepRangeVariable = "BIGMAC_TRACE_STEP_RANGE";
inline constexpr const char* kCuptiVariable = "BIGMAC_CUPTI_LIBRARY";

/// Steps first..last, both included, counted from 0.
struct StepSpan {
  std::int64_t first = 0, last = 0;
};
/// "5:10"; "5" is 5:5. Nothing where it is neither.
std::optional<StepSpan> parse_steps(const std::string& text);

struct Settings {
  std::string folder;         ///< empty: record nothing
  std::string mode = "time";  ///< or "memory"
  std::string step_range =
      "step";  ///< the range that counts steps: this name, or this name and something that is no letter
  std::optional<StepSpan> steps;  ///< absent: everything
  std::string steps_text, cupti_library;
};
Settings settings_from_environment();

/// What identifies this process: pid, host, command, ranks.
Header header_of_this_process(const Settings& settings, Time base_unix_ns);

}  // namespace bigmac::capture
