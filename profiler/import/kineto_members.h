// What the root of a Kineto file says besides its events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bigmac/base/units.h"

namespace bigmac {

struct KinetoMembers {
  std::optional<std::int64_t> rank, world_size;
  std::vector<std::string> devices;
  Nanoseconds base;  ///< to be added to every time
};

/// Takes what it knows from one member; throws Error{bad_input} at `where` when that has the wrong type.
void read_kineto_member(std::string_view key, const std::string& text, const std::string& where,
                        KinetoMembers& members);

/// Bytes of a message of `elements` of a NCCL data type, as PyTorch names it; 0 bytes for one we do not know.
Bytes message_bytes(std::int64_t elements, const std::string& dtype);

}  // namespace bigmac
