// wchar_t texts of NVTX's W functions as UTF-8 (wchar_t is UTF-32 on Linux).
#pragma once

#include <string>

namespace bigmac::capture {

inline void append_code_point(std::string& out, unsigned long code) {
  const auto byte = [&](unsigned long value) { out += static_cast<char>(value); };
  const auto tail = [&](int shift) { byte(0x80 | ((code >> shift) & 0x3F)); };
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = 0xFFFD;
  if (code < 0x80) return byte(code);
  if (code < 0x800) return byte(0xC0 | code >> 6), tail(0);
  if (code < 0x10000) return byte(0xE0 | code >> 12), tail(6), tail(0);
  byte(0xF0 | code >> 18), tail(12), tail(6), tail(0);
}

/// "" for null. Longer texts are cut.
inline std::string utf8_from(const wchar_t* text) {
  constexpr std::size_t kMostCharacters = 4096;
  std::string out;
  for (std::size_t i = 0; text != nullptr && text[i] != 0 && i < kMostCharacters; ++i)
    append_code_point(out, static_cast<unsigned long>(text[i]));
  return out;
}

}  // namespace bigmac::capture
