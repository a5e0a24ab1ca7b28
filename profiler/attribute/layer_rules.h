// Which ranges are layers.
#pragma once

#include <vector>

#include "bigmac/profiler/attribution.h"

namespace bigmac {

/// By event: 1 + the first rule that the range's name matches, or 0. At most 255 rules.
std::vector<std::uint8_t> match_layers(const Trace& trace, const std::vector<LayerRule>& rules);

const char* name_of(LayerKind kind);

}  // namespace bigmac
