// Drawing by hand: escaping, coordinates, scales and axes. Private to the report's pages.
#pragma once

#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "bigmac/base/units.h"

namespace bigmac::html {

/// For text and attribute values: the five special characters as entities, control characters as spaces.
std::string escaped(std::string_view text);

/// A coordinate: one decimal, none where it is 0. "12.3", "12", "0".
std::string num(double value);

/// "40,000".
std::string grouped(std::size_t count);

template <class... Args>
void add(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

/// Values [low, high] onto coordinates [from, to].
struct Scale {
  double low = 0, high = 1, from = 0, to = 1;

  double at(double value) const { return from + (value - low) / (high - low) * (to - from); }
};

/// What an axis counts in.
struct Unit {
  double size = 1;
  const char* name = "";
};

/// Of an axis up to `most`: ns, us, ms, s; B, kB, MB, GB, TB.
Unit time_unit(Nanoseconds most);
Unit byte_unit(Bytes most);

struct Tick {
  double value = 0;
  std::string label;  ///< in the axis' unit, without its name
};

/// Round values (1, 2 or 5 times a power of ten, in `unit`) within [low, high], about `wanted` of them.
std::vector<Tick> ticks(double low, double high, int wanted, Unit unit);

/// Grid lines and labels of a time axis under a plot between `top` and `bottom`.
std::string time_axis(const Scale& x, double top, double bottom);

/// At most `most` of `ranks` ranks, evenly spread, with the first, the last and `must`; ascending.
std::vector<std::uint32_t> some_ranks(std::uint32_t ranks, std::uint32_t most, std::uint32_t must);

}  // namespace bigmac::html
