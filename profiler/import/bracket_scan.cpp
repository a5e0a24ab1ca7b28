#include "bracket_scan.h"

#include <algorithm>
#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace bigmac {
namespace {

constexpr std::size_t kBlock = 64;

/// One bit per byte of a block.
struct Masks {
  std::uint64_t quote = 0, backslash = 0, open = 0, close = 0, control = 0;
};

#if defined(__SSE2__)
std::uint64_t bits(__m128i matches, int part) {
  return std::uint64_t{static_cast<std::uint16_t>(_mm_movemask_epi8(matches))} << (16 * part);
}

Masks classify(const char* block) {
  Masks masks;
  for (int part = 0; part < 4; ++part) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block) + part);
    // '[' and '{', ']' and '}' differ in bit 5 only.
    const __m128i folded = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    masks.quote |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), part);
    masks.backslash |= bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')), part);
    masks.open |= bits(_mm_cmpeq_epi8(folded, _mm_set1_epi8('{')), part);
    masks.close |= bits(_mm_cmpeq_epi8(folded, _mm_set1_epi8('}')), part);
    masks.control |= bits(_mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes), part);
  }
  return masks;
}
#else
Masks classify(const char* block) {
  Masks masks;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const auto byte = static_cast<unsigned char>(block[i]);
    const std::uint64_t bit = std::uint64_t{1} << i;
    if (byte == '"') masks.quote |= bit;
    if (byte == '\\') masks.backslash |= bit;
    if ((byte | 0x20) == '{') masks.open |= bit;
    if ((byte | 0x20) == '}') masks.close |= bit;
    if (byte < 0x20) masks.control |= bit;
  }
  return masks;
}
#endif

std::uint64_t prefix_parity(std::uint64_t word) {
  for (int shift = 1; shift < 64; shift *= 2) word ^= word << shift;
  return word;
}

class Scan {
 public:
  Scan(char* text, std::size_t size, BracketScan& result) : text_(text), size_(size), result_(result) {}

  /// False once there is nothing more to find.
  bool block(std::size_t at) {
    Masks masks = classify(text_ + at);
    if (const std::size_t rest = size_ - at; rest < kBlock) keep_first(masks, rest);
    const std::uint64_t in_string = strings(masks);
    if (const std::uint64_t faulty = masks.control & in_string; faulty != 0) blank(at, faulty);
    std::uint64_t brackets = (masks.open | masks.close) & ~in_string;
    for (; brackets != 0; brackets &= brackets - 1) {
      const int bit = std::countr_zero(brackets);
      if (!bracket(at + static_cast<std::size_t>(bit), (masks.open >> bit & 1) != 0)) return false;
    }
    return true;
  }

 private:
  static void keep_first(Masks& masks, std::size_t count) {
    const std::uint64_t kept = (std::uint64_t{1} << count) - 1;
    for (std::uint64_t* mask : {&masks.quote, &masks.backslash, &masks.open, &masks.close, &masks.control})
      *mask &= kept;
  }

  /// Bytes inside strings, the opening quote included.
  std::uint64_t strings(const Masks& masks) {
    std::uint64_t quotes = masks.quote;
    if (masks.backslash != 0 || escaped_) quotes &= ~escaped_bytes(masks.backslash);
    const std::uint64_t inside = prefix_parity(quotes) ^ (in_string_ ? ~std::uint64_t{0} : 0);
    in_string_ = (inside >> 63) != 0;
    return inside;
  }

  std::uint64_t escaped_bytes(std::uint64_t backslashes) {
    std::uint64_t escaped = 0;
    for (std::size_t i = 0; i < kBlock; ++i) {
      if (escaped_) escaped |= std::uint64_t{1} << i;
      escaped_ = !escaped_ && (backslashes >> i & 1) != 0;
    }
    return escaped;
  }

  void blank(std::size_t at, std::uint64_t bytes) {
    for (; bytes != 0; bytes &= bytes - 1) text_[at + static_cast<std::size_t>(std::countr_zero(bytes))] = ' ';
  }

  bool bracket(std::size_t at, bool opens) {
    if (opens) {
      if (depth_++ == 0) begin_ = at;
      if (depth_ <= kMaxNesting) return true;
      result_.too_deep = true;
      result_.fault = begin_;
      return false;
    }
    if (depth_ == 0) {
      result_.closed = true;
      result_.close = at;
      return false;
    }
    if (--depth_ == 0) {
      result_.begins.push_back(static_cast<std::uint32_t>(begin_));
      result_.end = at + 1;
    }
    return true;
  }

  char* text_;
  std::size_t size_;
  BracketScan& result_;
  std::size_t begin_ = 0;
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

}  // namespace

void scan_brackets(char* text, std::size_t from, std::size_t size, BracketScan& result) {
  result.begins.clear();
  result.end = result.close = result.fault = 0;
  result.closed = result.too_deep = false;
  Scan scan(text, size, result);
  for (std::size_t at = from; at < size; at += kBlock)
    if (!scan.block(at)) return;
}

}  // namespace bigmac
