#include "bigmac/base/error.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bigmac {

void bad_input(const std::string& where, const std::string& what) { throw Error(ErrorCode::bad_input, where, what); }

namespace {

std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0u);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substitute, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string unknown_name(const std::string& kind, const std::string& name, const std::vector<std::string>& known) {
  const std::string shown = name.substr(0, 64);
  std::string message = fmt::format("unknown {} '{}'", kind, shown);
  const auto nearest = std::min_element(
      known.begin(), known.end(), [&](auto& a, auto& b) { return edit_distance(shown, a) < edit_distance(shown, b); });
  if (nearest != known.end() && edit_distance(shown, *nearest) <= 1 + shown.size() / 3)
    message += fmt::format("; did you mean '{}'?", *nearest);
  return message + fmt::format("{} known: {}", message.ends_with('?') ? "" : ";", fmt::join(known, ", "));
}

void detail::check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "internal error: %s:%d: '%s' does not hold\n", file, line, condition);
  std::abort();
}

}  // namespace bigmac
