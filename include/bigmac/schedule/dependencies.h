// The one rule of what an operation depends on. Building, lowering, validation and diagnosis call it.
//
//   Ef(m) -> F(stage 0, m) -> ... -> F(last stage, m) -> Gf(m) -> Gb(m)
//         -> B(last stage, m) -> ... -> B(stage 0, m) -> Eb(m)
//
// An encoder cut into stages runs them in turn, Ef(0, m) -> ... -> Ef(last, m) and back, like the LLM.
// with every encoder before stage 0 and every generator between the last forward and the first
// backward. A backward may be split: I carries the gradient on, W only needs its own I.
// A recomputation R, where listed, comes between F and the backward of its own stage.
#pragma once

#include "bigmac/workload/pipeline.h"

namespace bigmac {

/// What a pass leaves behind for others. B and I leave the same thing; W and R leave nothing that
/// another operation takes over a dependency.
enum class Product : std::uint8_t { output, input_gradient };
inline constexpr int kProducts = 2;

/// Whether an operation of this kind makes a product; then product_of() says which.
constexpr bool makes_product(OpKind kind) { return kind <= OpKind::input_gradient; }
constexpr Product product_of(OpKind kind) {
  return kind == OpKind::forward ? Product::output : Product::input_gradient;
}

/// One product of one module, stage and microbatch: the name of a dependency.
struct ProductKey {
  Product product;
  ModuleId module;
  StageId stage;
  MicrobatchId microbatch;
};

namespace detail {

template <class Visit>
void visit_encoders(const Pipeline& pipeline, MicrobatchId microbatch, Visit&& visit) {
  for (const ModuleId module : pipeline.encoders) {
    const StageId last{static_cast<std::uint16_t>(pipeline.modules[module].stages - 1)};
    visit(ProductKey{Product::output, module, last, microbatch});
  }
}

template <class Visit>
void visit_generators(const Pipeline& pipeline, MicrobatchId microbatch, Visit&& visit) {
  for (const ModuleId module : pipeline.generators)
    visit(ProductKey{Product::input_gradient, module, StageId{0}, microbatch});
}

template <class Visit>
void visit_forward_inputs(const Pipeline& pipeline, const Op& op, Visit&& visit) {
  if (op.stage.value > 0) {
    visit(
        ProductKey{Product::output, op.module, StageId{static_cast<std::uint16_t>(op.stage.value - 1)}, op.microbatch});
    return;
  }
  const Role role = pipeline.modules[op.module].role;
  if (role == Role::llm) visit_encoders(pipeline, op.microbatch, visit);
  if (role == Role::generator) visit(ProductKey{Product::output, kLlm, pipeline.last_stage(), op.microbatch});
}

template <class Visit>
void visit_backward_inputs(const Pipeline& pipeline, const Op& op, Visit&& visit) {
  visit(ProductKey{Product::output, op.module, op.stage, op.microbatch});
  const ModuleShape& module = pipeline.modules[op.module];
  if (op.stage.value + 1u < module.stages) {
    visit(ProductKey{Product::input_gradient, op.module, StageId{static_cast<std::uint16_t>(op.stage.value + 1)},
                     op.microbatch});
    return;
  }
  if (module.role == Role::llm) visit_generators(pipeline, op.microbatch, visit);
  if (module.role == Role::encoder) visit(ProductKey{Product::input_gradient, kLlm, StageId{0}, op.microbatch});
}

}  // namespace detail

/// Calls visit(ProductKey) for everything that `op` needs, in a fixed order. That a listed R precedes
/// its backward is a matter of its rank's order alone; find_incompleteness() checks it.
template <class Visit>
void for_each_input(const Pipeline& pipeline, const Op& op, Visit&& visit) {
  switch (op.kind) {
    case OpKind::forward: return detail::visit_forward_inputs(pipeline, op, visit);
    case OpKind::backward:
    case OpKind::input_gradient: return detail::visit_backward_inputs(pipeline, op, visit);
    case OpKind::weight_gradient: return visit(ProductKey{Product::input_gradient, op.module, op.stage, op.microbatch});
    case OpKind::recompute: return visit(ProductKey{Product::output, op.module, op.stage, op.microbatch});
  }
}

}  // namespace bigmac
