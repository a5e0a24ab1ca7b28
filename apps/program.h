// What every program shares: exit codes, the two streams, and the one place that turns an Error into a message.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

#include "bigmac/base/error.h"
#include "bigmac/graph/task_graph.h"

namespace bigmac::apps {

enum ExitCode : int { kDone = 0, kInternalError = 1, kBadInput = 2, kNoPlan = 3, kInvalidSchedule = 4 };

/// Whether standard output is a terminal that shows colours (https://no-color.org).
inline bool colours_on_stdout() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr &&
         (kind == nullptr || std::string_view(kind) != "dumb");
}

/// Notes and progress go to standard error.
inline void note(const std::string& text) { fmt::print(stderr, "note: {}\n", text); }

inline int report_fault(const Fault& fault) {
  fmt::print(stderr, "invalid schedule: {}\n", fault.message);
  for (std::size_t i = 0; i < fault.cycle.size(); ++i)
    fmt::print(stderr, "  {} waits for {}\n", fault.cycle[i], fault.cycle[(i + 1) % fault.cycle.size()]);
  if (!fault.grid.empty()) fmt::print(stderr, "{}", fault.grid);
  return kInvalidSchedule;
}

inline int exit_code(const Error& error) {
  if (error.code() == ErrorCode::no_plan) return kNoPlan;
  return error.code() == ErrorCode::bad_schedule ? kInvalidSchedule : kBadInput;
}

/// Runs a program's body; no exception and no message escapes elsewhere.
template <class Body>
int run_program(Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_code(error);
  } catch (const std::bad_alloc&) {
    fmt::print(stderr, "error: out of memory; the job is too large for this machine\n");
    return kBadInput;
  } catch (const std::exception& error) {
    fmt::print(stderr, "internal error: {}\n", error.what());
    return kInternalError;
  }
}

/// For the other processes of a program on several: the first one says what is wrong.
template <class Body>
int run_silently(Body&& body) {
  try {
    return body();
  } catch (const Error& error) {
    if (error.code() == ErrorCode::no_plan) return kNoPlan;
    return error.code() == ErrorCode::bad_schedule ? kInvalidSchedule : kBadInput;
  } catch (const std::exception&) {
    return kInternalError;
  }
}

}  // namespace bigmac::apps
