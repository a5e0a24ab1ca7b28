// What bigmac-profile prints for machines.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "bigmac/profiler/attribution.h"
#include "bigmac/profiler/memory.h"
#include "bigmac/profiler/memory_snapshot.h"

namespace bigmac::apps {

struct TraceContents {
  std::array<std::size_t, kEventKinds> events{};
  std::array<Nanoseconds, kEventKinds> time{};
  std::size_t gpu_operations = 0, launched = 0;
  std::vector<std::string> devices;  ///< distinct names
};
TraceContents contents_of(const Trace& trace);

std::string contents_json(const Trace& trace, const TraceContents& contents);
std::string layers_json(const std::vector<LayerRow>& rows, const Attribution& attribution);
std::string memory_json(const MemorySnapshot& snapshot, const std::vector<MemoryStretch>& stretches);

}  // namespace bigmac::apps
