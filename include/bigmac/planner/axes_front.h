// The exact front over more axes than time and memory: what plans on several numbers of GPUs offer.
//
// Beside pareto.json, which holds one job's front. A plan off its own job's front of time and memory is as fast and as
// small as none on it, on the same GPUs and for the same tokens; so it is behind in cost per token as well, and the
// front over all axes lies within the union of the jobs' fronts.
#pragma once

#include <cstddef>
#include <vector>

namespace bigmac {

/// Less is better on every axis.
using AxesPoint = std::vector<double>;

/// Indices of the points that no other is at least as good as on every axis and better on one, ascending. Of equal
/// points the first. All have the same number of axes.
std::vector<std::size_t> axes_front(const std::vector<AxesPoint>& points);

}  // namespace bigmac
