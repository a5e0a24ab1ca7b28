// The three channels of failure.
//
//   bad input          throw Error{code, where, what}: the caller's data is wrong; one line says
//                      where (file and JSON pointer, or option) and what was expected.
//   broken invariant   BIGMAC_CHECK: the project itself is wrong; aborts, always on.
//   no good answer     a value: a schedule that deadlocks or a plan that does not fit is a result.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

namespace bigmac {

enum class ErrorCode {
  bad_input,    ///< malformed or impossible data (exit code 2)
  no_plan,      ///< nothing feasible was found (exit code 3)
  bad_schedule  ///< a schedule that cannot run (exit code 4)
};

class Error : public std::runtime_error {
 public:
  /// `where`: file and JSON pointer, option or line; `what`: what was found and what was expected.
  Error(ErrorCode code, const std::string& where, const std::string& what)
      : std::runtime_error(where.empty() ? what : where + ": " + what), code_(code) {}

  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

/// Throws Error{bad_input}.
[[noreturn]] void bad_input(const std::string& where, const std::string& what);

/// "unknown KIND 'NAME'; did you mean 'X'? known: A, B, C" for error messages.
std::string unknown_name(const std::string& kind, const std::string& name, const std::vector<std::string>& known);

namespace detail {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

}  // namespace bigmac

#define BIGMAC_CHECK(condition) \
  (static_cast<bool>(condition) ? void(0) : ::bigmac::detail::check_failed(#condition, __FILE__, __LINE__))
