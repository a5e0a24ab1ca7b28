// Where the elements of a JSON array begin and end, found without parsing them.
//
// A recording of a gigabyte is one array of millions of small objects. This finds whole elements in a window of it, 64
// bytes at a time, so that a parser can be given complete text only. Bits of a 64-bit word stand for bytes: strings are
// the prefix parity of the quotes (Langdale and Lemire 2019, arXiv 1902.08318, section 3.1.1), brackets count outside
// of them only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bigmac {

struct BracketScan {
  std::vector<std::uint32_t> begins;  ///< of complete elements that are objects or arrays
  std::size_t end = 0;                ///< just past the last complete element; 0: none
  bool closed = false;                ///< the array's own closing bracket was met, at `close`
  std::size_t close = 0;
  bool too_deep = false;  ///< nested deeper than kMaxNesting, in the element that begins at `fault`
  std::size_t fault = 0;
};

inline constexpr int kMaxNesting = 64;

/// Scans text[from, size), which starts between two elements. Control characters inside strings, which old writers left
/// in names and JSON forbids, become spaces. `text` must be readable up to the next multiple of 64; what lies there
/// changes nothing.
void scan_brackets(char* text, std::size_t from, std::size_t size, BracketScan& result);

}  // namespace bigmac
