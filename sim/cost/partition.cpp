#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/cost/plan_costs.h"

namespace bigmac {
namespace {

// Packs from the last stage backwards, each stage as full as `bound` allows while a layer is left for every
// earlier one. True when the layers fit.
bool pack(const std::vector<std::int64_t>& work, std::uint32_t stages, std::int64_t bound, Partition& first) {
  first.assign(stages + 1, 0);
  auto end = static_cast<std::uint32_t>(work.size());
  first[stages] = end;
  for (std::uint32_t stage = stages; stage-- > 0;) {
    std::int64_t sum = 0;
    std::uint32_t begin = end;
    while (begin > stage && sum + work[begin - 1] <= bound) sum += work[--begin];
    if (begin == end) return false;
    first[stage] = end = begin;
  }
  return end == 0;
}

}  // namespace

Partition partition_layers(const std::vector<LayerCost>& layers, std::uint32_t stages) {
  if (layers.size() < stages)
    bad_input("parallel",
              fmt::format("{} stages (pp x vpp) for {} layers; each stage needs one", stages, layers.size()));
  std::vector<std::int64_t> work;
  std::int64_t low = 0, high = 0;
  for (const LayerCost& layer : layers) {
    const double ns = 1e3 * (layer.forward_us + layer.input_gradient_us + layer.weight_gradient_us);
    work.push_back(std::llround(std::min(ns, static_cast<double>(kMaxCost.value))));
    low = std::max(low, work.back());
    high += work.back();
  }
  Partition first;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (pack(work, stages, middle, first)) high = middle;
    else low = middle + 1;
  }
  BIGMAC_CHECK(pack(work, stages, high, first));
  return first;
}

}  // namespace bigmac
