// Operators that the host launches for a layer, in each pass.
//
// A GPU waits where the host needs longer to launch a pass than the GPU to work it off: small layers take no less than
// operators x host_us (cluster file, "training"). Counted like the other parts, one for each product, norm, addition,
// activation and collective; a GPT layer with unfused attention and dropout: 20 forward, 24 + 8 backward.
#include "layer_parts.h"

namespace bigmac {
namespace {

double collectives(const LayerView& view) {
  const double experts = view.layer.experts && view.plan.ep > 1 ? 2 : 0;
  const bool cut = view.plan.tp > 1 && view.layer.kind == LayerKind::transformer;
  return experts + (cut ? view.sharded ? 4 : 2 : 0);
}

double attention(const LayerView& view) {
  if (!view.layer.attention) return 0;
  const double core = view.plan.flash_attention ? view.plan.cp : view.plan.dropout ? 4 : 3;
  return core + 2;  // rotary embedding or split of q and of k
}

}  // namespace

PassUs launches(const LayerView& view) {
  const auto products = static_cast<double>(view.layer.linears.size());
  const auto norms = static_cast<double>(view.layer.norms);
  const double adds = view.layer.kind == LayerKind::transformer ? std::min(norms, 2.0) : 0;
  const double undo = view.plan.dropout ? adds : 0;
  const double dispatch = view.layer.experts ? 6 : 0;
  const double loss = view.layer.kind == LayerKind::head ? 6 : 0;
  double activations = 0, biases = 0;
  for (const Linear& linear : view.layer.linears) activations += activated(linear), biases += linear.bias;
  const double around = norms + adds + activations + dispatch + loss + collectives(view);
  return {.forward = products + attention(view) + around,
          .input_gradient = products + 2 * attention(view) + around + undo,
          .weight_gradient = view.plan.frozen ? 0 : products + biases};
}

}  // namespace bigmac
