// What a pass of a layer looks like from outside: its tensor-parallel waits, and its kernels.
//
// A tp group waits for a reduce-scatter at the end of a block and for an all-gather at the begin of the next. Between
// the two lies only work on the GPU's own shard of the tokens (addition, norm), so they count as one wait (Optimus,
// 2408.03505: about 300 us each, two of each per layer and pass); a pass of several layers begins with a gather and
// ends with a scatter of its own. Without sequence parallelism a block has one all-reduce. Gathering inputs again for
// the weight gradient is not counted.
//
// A kernel runs within one wait. Which follows which would decide how many fit; here all kernels of a pass are taken to
// be as long as its longest, and as many as that leaves: never more fits than with the real ones in their order.
// Kernels may run sample by sample, in `pieces`, each of which then takes what the formulas give for its part of the
// tokens.
#include <cmath>

#include "layer_parts.h"

namespace bigmac {
namespace {

/// The longest kernel of F and of the backward, on one piece of the tokens.
std::pair<double, double> longest_kernels(const LayerView& view, double pieces) {
  const LayerLoad load{view.load.tokens / pieces, view.load.pairs / pieces};
  const LayerView piece = view_of(view.cluster, view.layer, view.plan, load, view.exposed);
  const PassUs product = longest_product_us(piece), attention = attention_us(piece);
  return {std::max(product.forward, attention.forward),
          std::max({product.input_gradient, product.weight_gradient, attention.input_gradient})};
}

void set_kernels(double compute_us, double longest_us, double pieces, PassShape& shape) {
  if (!(compute_us > 0)) return;
  const double piece = compute_us / pieces;
  shape.pieces = pieces;
  shape.kernels = pieces * (longest_us > 0 ? std::max(1.0, std::floor(piece / longest_us)) : 1);
  shape.kernel_us = std::max(longest_us, compute_us / shape.kernels);
}

}  // namespace

void PassShape::add(const PassShape& other) {
  if (other.waits > 0) {
    wait_us = waits > 0 ? std::min(wait_us, other.wait_us) : other.wait_us;
    end_us = waits > 0 ? std::min(end_us, other.end_us) : other.end_us;
  }
  if (other.kernels > 0) pieces = kernels > 0 ? std::min(pieces, other.pieces) : other.pieces;
  waits += other.waits;
  kernels += other.kernels;
  kernel_us = std::max(kernel_us, other.kernel_us);
  communication_us += other.communication_us;
}

void shape_passes(const LayerView& view, const PassUs& communication, LayerCost& cost) {
  const BlockWaits blocks = block_waits(view);
  PassShape &forward = cost.forward, &backward = cost.backward;
  forward.waits = backward.waits = blocks.blocks;
  forward.wait_us = blocks.shortest.forward;
  forward.end_us = blocks.half.forward;
  forward.communication_us = communication.forward;
  backward.wait_us = blocks.shortest.input_gradient;
  backward.end_us = blocks.half.input_gradient;
  backward.communication_us = communication.input_gradient + communication.weight_gradient;
  const double again = cost.recompute_us;
  if (view.plan.most_pieces > 0) {
    const double pieces = std::clamp(std::floor(view.samples), 1.0, static_cast<double>(view.plan.most_pieces));
    const auto [longest_forward, longest_backward] = longest_kernels(view, pieces);
    set_kernels(cost.forward_us - forward.communication_us, longest_forward, pieces, forward);
    set_kernels(cost.input_gradient_us + cost.weight_gradient_us - again - backward.communication_us, longest_backward,
                pieces, backward);
  }
  if (view.plan.recompute == Recompute::full && again > 0) {
    backward.add(forward);
  } else if (again > 0) {
    PassShape attention;
    attention.kernels = 1;
    attention.kernel_us = again;
    backward.add(attention);
  }
}

}  // namespace bigmac
