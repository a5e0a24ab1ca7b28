#include "json_tokens.h"

#include <charconv>
#include <cmath>

namespace bigmac {
namespace {

constexpr std::int64_t kMaxTime = std::int64_t{1} << 62;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_json_number(std::string_view text) {
  std::size_t i = 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > from;
  };
  if (i < text.size() && text[i] == '-') ++i;
  const bool zero = i < text.size() && text[i] == '0';
  const std::size_t from = i;
  if (!digits() || (zero && i > from + 1)) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (!digits()) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (!digits()) return false;
  }
  return i == text.size();
}

/// Microseconds with an exponent, or with more digits than fit: by way of double.
std::optional<Nanoseconds> by_double(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  const double ns = std::round(value * 1e3);
  if (!(std::abs(ns) < static_cast<double>(kMaxTime))) return std::nullopt;
  return Nanoseconds{static_cast<std::int64_t>(ns)};
}

}  // namespace

std::string_view trimmed(std::string_view token) {
  while (!token.empty() &&
         (token.back() == ' ' || token.back() == '\n' || token.back() == '\r' || token.back() == '\t'))
    token.remove_suffix(1);
  return token;
}

std::optional<std::int64_t> integer_token(std::string_view token) {
  const std::string_view text = trimmed(token);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Nanoseconds> microseconds_token(std::string_view token) {
  const std::string_view text = trimmed(token);
  const bool negative = !text.empty() && text.front() == '-';
  std::size_t i = negative ? 1 : 0;
  const std::size_t from = i;
  std::int64_t value = 0;
  for (; i < text.size() && is_digit(text[i]) && i < from + 15; ++i) value = value * 10 + (text[i] - '0');
  for (; i < text.size() && is_digit(text[i]) && value < kMaxTime / 10'000; ++i) value = value * 10 + (text[i] - '0');
  const bool plain = i > from && (i == text.size() || text[i] == '.');
  if (!plain) return is_json_number(text) ? by_double(text) : std::nullopt;
  int decimals = 0;
  bool up = false;
  if (i < text.size()) {
    for (++i; i < text.size() && is_digit(text[i]); ++i, ++decimals) {
      if (decimals < 3) value = value * 10 + (text[i] - '0');
      else if (decimals == 3) up = text[i] >= '5';
    }
    if (i < text.size() || decimals == 0) return is_json_number(text) ? by_double(text) : std::nullopt;
  }
  for (; decimals < 3; ++decimals) value *= 10;
  if (up) ++value;
  return Nanoseconds{negative ? -value : value};
}

std::optional<std::string_view> plain_string_token(std::string_view token) {
  std::string_view text = trimmed(token);
  if (text.size() < 2 || text.front() != '"' || text.back() != '"') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  if (text.find('\\') != std::string_view::npos) return std::nullopt;
  return text;
}

std::optional<std::int64_t> loose_integer_token(std::string_view token) {
  if (const auto inside = plain_string_token(token)) return integer_token(*inside);
  return integer_token(token);
}

}  // namespace bigmac
