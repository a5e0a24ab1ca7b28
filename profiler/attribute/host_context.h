// What is open around each event of a thread: the stack of ranges and operators, flattened to the few entries that
// attribution asks for.
#pragma once

#include <cstdint>
#include <vector>

#include "bigmac/profiler/attribution.h"

namespace bigmac {

inline constexpr std::uint32_t kNoEvent = UINT32_MAX;

/// Of one event, itself included. Event ids, or kNoEvent.
struct HostContext {
  std::uint32_t layer = kNoEvent;      ///< innermost layer range
  std::uint32_t backward = kNoEvent;   ///< innermost backward operator, or layer range that says backward
  std::uint32_t forward = kNoEvent;    ///< innermost operator with a forward's sequence number
  std::uint32_t optimizer = kNoEvent;  ///< range of an optimizer
  std::uint32_t top = kNoEvent;        ///< outermost operator, below all ranges
  std::uint32_t product = kNoEvent;    ///< innermost matrix product (aten::mm and the like)
  bool any = false;                    ///< something is open
};

struct HostContexts {
  std::vector<std::uint32_t> row;      ///< by event; 0: not on a thread
  std::vector<HostContext> contexts;   ///< row 0 is empty
  std::vector<std::uint8_t> products;  ///< by event: of a backward operator, matrix products inside it, at most 255
  std::vector<std::uint8_t> place;     ///< by event: of a matrix product in a backward operator, its place, from 0

  const HostContext& operator[](EventId event) const { return contexts[row[event.value]]; }
};

HostContexts host_contexts(const Trace& trace, const std::vector<std::uint8_t>& rule_of);

}  // namespace bigmac
