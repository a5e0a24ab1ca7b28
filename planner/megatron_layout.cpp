// Megatron-LM's pipeline layout: `stage ('|' stage)*`, symbols E t m L, `x*n` and `(...)*n`, commas ignored.
#include <cctype>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/trainer_files.h"

namespace bigmac {
namespace {

constexpr std::size_t kMostSymbols = 1'000'000, kMostStages = 65'535;

class LayoutReader {
 public:
  LayoutReader(const std::string& text, const std::string& where) : text_(text), where_(where) {}

  /// The layout with every repetition written out.
  std::string written_out() {
    std::string out = sequence(false);
    if (at_ < text_.size()) fail("expected a symbol of E t m L, '|' or '('");
    return out;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    bad_input(where_, fmt::format("layout, character {}: {}", at_ + 1, what));
  }

  std::string sequence(bool inside) {
    std::string out;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      std::string unit;
      if (c == ',') {
        ++at_;
        continue;
      }
      if (c == '(') {
        if (inside) fail("brackets are not nested");
        unit = bracketed();
      } else if (std::string_view("EtmL|").find(c) != std::string_view::npos) {
        ++at_;
        unit = std::string(1, c);
      } else {
        break;
      }
      repeat(unit, out);
    }
    return out;
  }

  std::string bracketed() {
    ++at_;
    std::string unit = sequence(true);
    if (at_ == text_.size() || text_[at_] != ')') fail("expected ')'");
    ++at_;
    if (at_ == text_.size() || text_[at_] != '*') fail("expected '*' and a count after ')'");
    return unit;
  }

  void repeat(const std::string& unit, std::string& out) {
    std::size_t count = 1;
    if (at_ < text_.size() && text_[at_] == '*') {
      if (unit == "|") fail("'|' takes no count");
      ++at_;
      count = number();
    }
    if (unit.size() * count > kMostSymbols - out.size()) fail("more than 1,000,000 symbols");
    for (std::size_t i = 0; i < count; ++i) out += unit;
  }

  std::size_t number() {
    const std::size_t begin = at_;
    std::size_t count = 0;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])) != 0 && at_ - begin < 7)
      count = 10 * count + static_cast<std::size_t>(text_[at_++] - '0');
    if (count == 0) fail("expected a count of at least 1");
    return count;
  }

  const std::string& text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

}  // namespace

std::vector<std::string> parse_megatron_layout(const std::string& text, const std::string& where) {
  const std::string all = LayoutReader(text, where).written_out();
  std::vector<std::string> stages(1);
  for (const char c : all)
    if (c == '|') stages.emplace_back();
    else stages.back() += c;
  if (stages.size() > kMostStages) bad_input(where, "layout: more than 65,535 stages");
  const auto once = [&](char symbol, std::size_t place) {
    if (all.find(symbol) != place || all.rfind(symbol) != place)
      bad_input(where, fmt::format("layout: expected one {}, {}", symbol, place == 0 ? "first" : "last"));
  };
  if (all.empty()) bad_input(where, "layout: holds no symbol");
  once('E', 0);
  once('L', all.size() - 1);
  return stages;
}

}  // namespace bigmac
