// A layer as the kernels that one GPU runs for it: the shapes behind layer_cost, for measuring them instead of
// computing them.
//
// Beside layer_cost.h in the cost room and read off the same parts, so that what is measured is what would have been
// computed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bigmac/cost/kernels.h"
#include "bigmac/cost/layer_cost.h"

namespace bigmac {

/// `count` products y = x W of (rows x in) by (in x out). Backward: dx = dy W^T, dW = x^T dy.
struct ProductKernel {
  std::string name;
  double rows = 0, in = 0, out = 0, count = 1;
  bool input_gradient = true;  ///< something trainable lies before it
};

/// Kernels bound by memory, together.
struct KernelTraffic {
  double kernels = 0, bytes = 0;
};

struct LayerKernels {
  std::vector<ProductKernel> products;
  std::optional<AttentionShape> attention;
  /// Normalisations of the residual stream, each over (rows x width); part of the traffic below.
  double norms = 0, norm_rows = 0, norm_width = 0;
  KernelTraffic forward, input_gradient, weight_gradient;
};

/// Under `plan`, without communication.
LayerKernels layer_kernels(const Layer& layer, const LayerPlan& plan, const LayerLoad& load);

}  // namespace bigmac
