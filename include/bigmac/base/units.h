// Time and memory as integers that cannot be mixed.
//
// Every duration in the project is an int64 count of nanoseconds and every size an int64 count of
// bytes. Costs are rounded once, on entry; from there on sums are exact, so equal inputs give equal
// bytes on any machine. Adding a time to a size, or passing one for the other, does not compile.
#pragma once

#include <compare>
#include <cstdint>

namespace bigmac {

template <class Tag>
struct Quantity {
  std::int64_t value = 0;

  friend constexpr auto operator<=>(Quantity, Quantity) = default;
  constexpr Quantity& operator+=(Quantity other) {
    value += other.value;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    value -= other.value;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) { return {a.value + b.value}; }
  friend constexpr Quantity operator-(Quantity a, Quantity b) { return {a.value - b.value}; }
  friend constexpr Quantity operator*(std::int64_t n, Quantity a) { return {n * a.value}; }
};

using Nanoseconds = Quantity<struct NanosecondsTag>;
using Bytes = Quantity<struct BytesTag>;

/// The longest single cost accepted on entry: 1e15 ns, about 11.6 days. Readers also refuse costs whose sum over all
/// operations could pass 2^60.
inline constexpr Nanoseconds kMaxCost{1'000'000'000'000'000};
/// The largest single allocation accepted on entry: 1e15 bytes, one petabyte.
inline constexpr Bytes kMaxBytes{1'000'000'000'000'000};

}  // namespace bigmac
