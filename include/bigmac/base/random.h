// Seeded random numbers that are the same on every machine.
//
// std::mt19937_64 is fixed by the standard, the standard distributions are not, so the few that
// the project draws from are written out here.
#pragma once

#include <cstdint>
#include <random>

namespace bigmac {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  /// Uniform in [0, 1), 53 bits.
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1.0p-53; }
  /// Uniform integer in [low, high].
  std::int64_t integer(std::int64_t low, std::int64_t high);
  /// Standard normal (Box and Muller 1958).
  double normal();

 private:
  std::mt19937_64 engine_;
};

}  // namespace bigmac
