// The front over several axes, by its definition.
#include <gtest/gtest.h>

#include "bigmac/base/random.h"
#include "bigmac/planner/axes_front.h"

namespace bigmac::test {
namespace {

enum class Relation { worse, equal, better, neither };

Relation relation(const AxesPoint& a, const AxesPoint& b) {
  bool less = false, more = false;
  for (std::size_t axis = 0; axis < a.size(); ++axis)
    less = less || a[axis] < b[axis], more = more || a[axis] > b[axis];
  return less && more ? Relation::neither : less ? Relation::better : more ? Relation::worse : Relation::equal;
}

TEST(AxesFront, holds_every_point_that_none_beats_and_of_equal_ones_the_first) {
  Random random(3);
  for (int round = 0; round < 300; ++round) {
    const auto axes = static_cast<std::size_t>(random.integer(1, 4));
    std::vector<AxesPoint> points(static_cast<std::size_t>(random.integer(0, 40)), AxesPoint(axes));
    for (AxesPoint& point : points)
      for (double& value : point) value = static_cast<double>(random.integer(0, 6));
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < points.size(); ++i) {
      bool beaten = false;
      for (std::size_t j = 0; j < points.size(); ++j) {
        const Relation other = relation(points[j], points[i]);
        beaten = beaten || other == Relation::better || (other == Relation::equal && j < i);
      }
      if (!beaten) expected.push_back(i);
    }
    EXPECT_EQ(axes_front(points), expected);
  }
}

}  // namespace
}  // namespace bigmac::test
