#include "bigmac/planner/axes_front.h"

#include <algorithm>
#include <numeric>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

/// Whether `a` is at least as good as `b` everywhere.
bool covers(const AxesPoint& a, const AxesPoint& b) {
  BIGMAC_CHECK(a.size() == b.size());
  for (std::size_t axis = 0; axis < a.size(); ++axis)
    if (a[axis] > b[axis]) return false;
  return true;
}

}  // namespace

// In lexicographic order what covers a point comes before it, so that each is compared with the front so far alone
// (Kung, Luccio and Preparata 1975, the plain form).
std::vector<std::size_t> axes_front(const std::vector<AxesPoint>& points) {
  std::vector<std::size_t> order(points.size()), front;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return points[a] < points[b]; });
  for (const std::size_t i : order)
    if (std::none_of(front.begin(), front.end(), [&](std::size_t other) { return covers(points[other], points[i]); }))
      front.push_back(i);
  std::sort(front.begin(), front.end());
  return front;
}

}  // namespace bigmac
