// Minimising a loss over the named constants of a kernel formula: the home of NLopt.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include <nlopt.hpp>

#include "bigmac/workload/kernel_fit.h"

namespace bigmac {

/// To four digits, so that a cluster file holds exactly what was fitted.
inline double round4(double value) {
  if (!(value > 0)) return 0;
  const double scale = std::pow(10.0, 3 - std::floor(std::log10(value)));
  return std::round(value * scale) / scale;
}

using Point = std::vector<double>;

/// A function of a point, where it may go, and the best point met.
struct Search {
  std::function<double(const Point&)> objective;
  Point low, high, best;
  double least = 0;
};

/// One run of `algorithm` from `from`; returns where it ended.
inline Point run(Search& search, nlopt::algorithm algorithm, Point from, double step, int evaluations) {
  nlopt::opt optimiser(algorithm, static_cast<unsigned>(from.size()));
  optimiser.set_lower_bounds(search.low);
  optimiser.set_upper_bounds(search.high);
  optimiser.set_initial_step(step);
  optimiser.set_maxeval(evaluations);
  optimiser.set_ftol_rel(1e-7);
  optimiser.set_min_objective(
      [](const Point& x, Point&, void* data) { return static_cast<Search*>(data)->objective(x); }, &search);
  double found = 0;
  optimiser.optimize(from, found);
  if (found < search.least) search.least = found, search.best = from;
  return from;
}

/// Minimises `loss` over the constants of `fit`, each on a log scale inside its range: rounds of
/// the subplex method (Rowan 1990), once from the constants given and once from where a controlled
/// random search (Price 1983; Kaelo and Ali 2006) ended. Both as NLopt has them.
template <class Fit>
void minimise(Fit& fit, const std::vector<Constant<Fit>>& table, int evaluations, const std::function<double()>& loss) {
  const auto set = [&](const Point& x) {
    for (std::size_t i = 0; i < table.size(); ++i) fit.*table[i].member = round4(std::exp(x[i]));
  };
  Search search;
  search.objective = [&](const Point& x) {
    set(x);
    return loss();
  };
  for (const Constant<Fit>& c : table) {
    search.best.push_back(std::log(fit.*c.member));
    search.low.push_back(std::log(c.low));
    search.high.push_back(std::log(c.high));
  }
  search.least = search.objective(search.best);
  nlopt::srand(1);
  const Point start = search.best;
  const Point scattered = run(search, nlopt::GN_CRS2_LM, start, 0.5, 8 * evaluations);
  for (Point x : {start, scattered}) {
    for (const double step : {0.5, 0.2, 0.5, 0.05}) x = run(search, nlopt::LN_SBPLX, x, step, evaluations);
  }
  set(search.best);
}

}  // namespace bigmac
