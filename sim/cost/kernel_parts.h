// Pieces that the kernel formulas share. Private to sim/cost.
#pragma once

#include <algorithm>
#include <cmath>

namespace bigmac {

/// Microseconds for `bytes` at `gbps` (1e9 bytes per second).
inline double per_us(double bytes, double gbps) { return bytes / (gbps * 1e3); }

/// Two activities that overlap: (a^p + b^p)^(1/p), the maximum for large p, the sum for p = 1.
inline double join(double a, double b, double p) {
  const double high = std::max(a, b);
  const double low = std::min(a, b);
  if (low <= 0) return high;
  return high * std::pow(1 + std::pow(low / high, p), 1 / p);
}

}  // namespace bigmac
