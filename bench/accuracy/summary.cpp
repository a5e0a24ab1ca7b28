#include "summary.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace accuracy {

Summary summarise(std::vector<double> errors) {
  if (errors.empty()) return {};
  for (double& e : errors) e = std::abs(e);
  std::sort(errors.begin(), errors.end());
  const std::size_t n = errors.size();
  return {static_cast<int>(n), (errors[(n - 1) / 2] + errors[n / 2]) / 2,
          std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(n), errors.back()};
}

}  // namespace accuracy
