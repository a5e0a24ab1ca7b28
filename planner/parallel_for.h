// Runs body(i) for i in [0, count) on up to `threads` threads. The one home of oneTBB; without it the loop is serial.
// Results must go to places of their own by i, so that nothing depends on the order. The first exception is rethrown.
#pragma once

#include <cstddef>
#include <functional>

namespace bigmac {

void parallel_for(std::size_t count, int threads, const std::function<void(std::size_t)>& body);

}  // namespace bigmac
