// Numbers and strings as they stand in JSON text. simdjson finds the tokens; these read them without going through
// double.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "bigmac/base/units.h"

namespace bigmac {

/// The token without the white space behind it.
std::string_view trimmed(std::string_view token);

/// A JSON integer, exactly; nothing where it is none or does not fit.
std::optional<std::int64_t> integer_token(std::string_view token);

/// A JSON number, of microseconds, to nanoseconds: integer or with decimals, rounded to the nearest nanosecond, halves
/// away from zero. Nothing where it is no number or beyond 2^62 ns.
std::optional<Nanoseconds> microseconds_token(std::string_view token);

/// The inside of a string token that holds no escapes; nothing where it is no string or has escapes.
std::optional<std::string_view> plain_string_token(std::string_view token);

/// The digits in a string or number token: Kineto writes pids and byte counts both ways.
std::optional<std::int64_t> loose_integer_token(std::string_view token);

}  // namespace bigmac
