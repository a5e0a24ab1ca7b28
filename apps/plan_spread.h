// bigmac-plan spread: how a plan's step time spreads over the data.
#pragma once

#include <cstdint>
#include <string>

namespace bigmac::apps {

struct SpreadArguments {
  std::string plan, stragglers;
  std::int64_t batches = 10'000;
  std::uint64_t seed = 1;
  double jitter = 0;
  int threads = 0;
  bool json = false;
};

int spread_plan(const SpreadArguments& arguments);

}  // namespace bigmac::apps
