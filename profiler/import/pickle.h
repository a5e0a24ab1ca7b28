// Python's pickle, the part that data needs: numbers, texts, lists, tuples and dictionaries. Nothing is ever called or
// imported: an opcode that would is refused with its byte offset, whatever it names.
//
// Protocols 2 to 5. Values live in one arena and refer to one another by index, as the memo of the format does, so
// shared frames stay shared.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bigmac {

enum class PickleType : std::uint8_t { none, boolean, integer, real, text, bytes, list, tuple, dictionary, mark };

using PickleId = std::uint32_t;

/// 16 bytes: what it is and a number, or where its content lies.
struct PickleValue {
  PickleType type = PickleType::none;
  std::int64_t number = 0;  ///< boolean, integer; the bits of a real; index into texts, lists or dictionaries
};

struct Pickle {
  std::vector<PickleValue> values;
  std::vector<std::string_view> texts;  ///< into the pickled bytes
  std::vector<std::vector<PickleId>> lists;
  std::vector<std::vector<std::pair<PickleId, PickleId>>> dictionaries;
  PickleId root = 0;
};

/// `bytes` must outlive the result. Throws Error{bad_input} with `file` and the byte offset: code refused, truncated,
/// malformed, or more than 2^27 values.
Pickle parse_pickle(std::string_view bytes, const std::string& file);

}  // namespace bigmac
