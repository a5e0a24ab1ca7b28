// The colours of operations and of kinds of memory: one CSS class each. Private to the report's pages.
//
// Four hues that stay apart for every kind of colour blindness (after Okabe and Ito, "Color Universal Design", 2008):
// LLM forward blue, LLM backward orange, both darker from chunk to chunk; encoder green and generator purple, light
// forward and dark backward. Encoders are drawn at the upper and generators at the lower edge of their row, so that
// the modules are told apart without any colour.
#pragma once

#include <string>
#include <vector>

#include "bigmac/schedule/schedule.h"

namespace bigmac::html {

/// One kind of box.
struct Paint {
  std::string css;     ///< class name
  std::string colour;  ///< "#rrggbb"
  bool white_text = false;
  Role role = Role::llm;
};

/// An entry of a legend: one swatch a class, then words.
struct Key {
  std::vector<std::string> css;
  std::string label;
};

class Palette {
 public:
  explicit Palette(const Pipeline& pipeline);

  /// Index into paints().
  std::uint16_t of(const Op& op) const;
  const std::vector<Paint>& paints() const { return paints_; }
  /// Rules for boxes: ".ef{fill:#4fc79a;background:#4fc79a}".
  std::string css() const;
  /// What `ops` contain, and idle time.
  std::vector<Key> keys(const std::vector<Op>& ops) const;
  /// The same as a paragraph of swatches.
  std::string legend(const std::vector<Op>& ops) const;

 private:
  std::string names(const std::vector<ModuleId>& modules) const;
  void add(const std::string& css, const std::string& colour, Role role);

  const Pipeline& pipeline_;
  std::uint32_t shades_;  ///< of the LLM's chunks; 8 at most
  std::vector<Paint> paints_;
};

/// Kinds of memory from the bottom of a stack to its top.
inline constexpr int kMemoryKinds = 8;
struct MemoryKind {
  const char* css;
  const char* colour;
  const char* name;
};
extern const MemoryKind kMemory[kMemoryKinds];

/// `<span class="key"><i class="..."></i>label</span>`; the label is escaped.
std::string legend_key(const std::string& css, const std::string& label);

}  // namespace bigmac::html
