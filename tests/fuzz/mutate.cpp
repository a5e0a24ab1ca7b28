#include "fuzz/mutate.h"

#include <algorithm>
#include <array>

namespace bigmac::fuzz {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 20;

constexpr std::array<const char*, 20> kNasty = {"-1",
                                                "0",
                                                "1",
                                                "1e999",
                                                "-0.0",
                                                "0.5",
                                                "4294967296",
                                                "9223372036854775807",
                                                "18446744073709551616",
                                                "1e18",
                                                "NaN",
                                                "null",
                                                "true",
                                                "\"\"",
                                                "[]",
                                                "[[]]",
                                                "{}",
                                                "\"llm\"",
                                                "\"\\u0000\"",
                                                "1e-400"};

std::size_t position(const std::string& text, Random& random) {
  return static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(text.size())));
}

/// A piece of `text` of at most `most` bytes.
std::string piece(const std::string& text, std::size_t most, Random& random) {
  const std::size_t length = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(most)));
  return text.substr(position(text, random), length);
}

void flip_bits(std::string& text, Random& random) {
  for (auto n = random.integer(1, 4); n > 0 && !text.empty(); --n) {
    const std::size_t at = std::min(position(text, random), text.size() - 1);
    text[at] = static_cast<char>(text[at] ^ (1 << random.integer(0, 7)));
  }
}

/// Where the JSON value that starts at `from` ends, as far as brackets and quotes tell.
std::size_t end_of_value(const std::string& text, std::size_t from) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = from; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (depth == 0 && (c == ',' || c == '}' || c == ']')) return i;
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  return text.size();
}

struct Span {
  std::size_t from = 0, to = 0;
};

/// A value of the text: a member's, or an entry of an array (or, now and then, a member as a whole).
Span some_value(const std::string& text, Random& random) {
  std::size_t from = text.find_first_of(random.integer(0, 4) == 0 ? ":[," : ":", position(text, random));
  if (from == std::string::npos) return {};
  from = std::min(text.find_first_not_of(" \n\t", from + 1), text.size());
  return {from, end_of_value(text, from)};
}

std::string replacement(const std::string& text, const std::string& other, Random& random) {
  switch (random.integer(0, 3)) {
    case 0: return std::to_string(random.integer(0, 9));
    case 1: {
      const std::string& source = random.integer(0, 1) == 0 ? text : other;
      const Span span = some_value(source, random);
      return source.substr(span.from, span.to - span.from);
    }
    default: return kNasty[static_cast<std::size_t>(random.integer(0, kNasty.size() - 1))];
  }
}

/// Puts another value in a value's place; the text mostly stays JSON, and gets past the parser's door.
void replace_value(std::string& text, const std::string& other, Random& random) {
  const Span span = some_value(text, random);
  text.replace(span.from, span.to - span.from, replacement(text, other, random));
}

void damage(std::string& text, const std::string& other, Random& random) {
  switch (random.integer(0, 5)) {
    case 0: flip_bits(text, random); break;
    case 1: text.resize(position(text, random)); break;
    case 2: text.erase(position(text, random), static_cast<std::size_t>(random.integer(1, 32))); break;
    case 3: text.insert(position(text, random), piece(text, 64, random)); break;
    case 4: text.insert(position(text, random), piece(other, 256, random)); break;
    default: text = text.substr(0, position(text, random)) + other.substr(position(other, random)); break;
  }
}

}  // namespace

std::string mutate(const std::string& text, const std::string& other, Random& random) {
  std::string mutant = text;
  const bool keep_json = random.integer(0, 2) != 0;
  for (auto n = random.integer(1, 3); n > 0; --n)
    if (keep_json) replace_value(mutant, other, random);
    else damage(mutant, other, random);
  mutant.resize(std::min(mutant.size(), kMaxText));
  return mutant;
}

}  // namespace bigmac::fuzz
