// Which ranges are layers.
#pragma once

#include <regex>
#include <string_view>
#include <vector>

#include "bigmac/profiler/attribution.h"

namespace bigmac {

/// By event: 1 + the first rule that the range's name matches, or 0. At most 255 rules.
std::vector<std::uint8_t> match_layers(const Trace& trace, const std::vector<LayerRule>& rules);

/// Of one name: 1 + the first rule that it matches, or 0.
class LayerMatcher {
 public:
  explicit LayerMatcher(const std::vector<LayerRule>& rules);
  std::uint8_t operator()(std::string_view name) const;

 private:
  std::vector<std::regex> compiled_;
};

const char* name_of(LayerKind kind);

}  // namespace bigmac
