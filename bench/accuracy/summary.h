// Errors of many rows in a few numbers.
#pragma once

#include <vector>

namespace accuracy {

/// Of |errors|.
struct Summary {
  int rows = 0;
  double median = 0, mean = 0, worst = 0;
};
Summary summarise(std::vector<double> errors);

}  // namespace accuracy
