#include "bigmac/runner/compute.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "bigmac/base/error.h"
#include "bigmac/memory/activations.h"
#include "pass.h"

namespace bigmac::runner {
namespace {

using PassKey = std::tuple<std::uint8_t, std::uint16_t, std::uint32_t>;  // module, stage, microbatch

PassKey pass_key(const Op& op) { return {op.module.value, op.stage.value, op.microbatch.value}; }

std::set<PassKey> recomputed_passes(std::span<const Op> ops) {
  std::set<PassKey> out;
  for (const Op& op : ops)
    if (op.kind == OpKind::recompute) out.insert(pass_key(op));
  return out;
}

std::int64_t checkpoint_bytes(const Model& model, const Op& op) {
  const Shape shape = model.pipeline.modules[op.module].role == Role::encoder
                          ? make_sample(model, op.module, op.stage, op.microbatch).patches.shape
                          : input_shape(model, op.module, op.stage, op.microbatch);
  return shape.size() * static_cast<std::int64_t>(sizeof(double));
}

/// A sum and the most it ever was.
struct Tally {
  std::int64_t now = 0, most = 0;
  void add(std::int64_t bytes) { most = std::max(most, now += bytes); }
};

std::vector<const Tensor*> tensors_of(const Inputs& inputs) {
  std::vector<const Tensor*> out;
  for (const auto& [key, tensor] : inputs.products) out.push_back(tensor.get());
  return out;
}

}  // namespace

struct ComputeWork::State {
  const Model& model;
  std::set<PassKey> recomputed;
  std::map<StageKey, StageWeights> stages;
  std::map<PassKey, Pass> passes;
  double loss = 0;
  Tally kept, again, held;

  StageWeights& stage(const Op& op) {
    const auto [at, fresh] = stages.try_emplace({op.module, op.stage});
    if (fresh) at->second = make_stage(model.chain(op.module, op.stage));
    return at->second;
  }

  Pass& begin(const Op& op, const Inputs& inputs) {
    Pass& pass = passes[pass_key(op)];
    pass.sample = make_sample(model, op.module, op.stage, op.microbatch);
    pass.flowing = chain_input(model, op, pass.sample, tensors_of(inputs));
    pass.recomputed = recomputed.contains(pass_key(op));
    if (pass.recomputed) pass.input = pass.flowing;
    allocate_kept(stage(op), rows_of(model, op.module, op.microbatch), pass);
    (pass.recomputed ? again : kept).add(kept_bytes(pass));
    kept.add(pass.input.bytes());
    return pass;
  }

  void let_go_of_kept(Pass& pass) {
    (pass.recomputed ? again : kept).add(-kept_bytes(pass));
    pass.kept.clear();
  }

  void end(const Op& op) {
    Pass& pass = passes.at(pass_key(op));
    let_go_of_kept(pass);
    kept.add(-pass.input.bytes());
    held.add(-held_bytes(pass));
    passes.erase(pass_key(op));
  }

  std::optional<Tensor> forward(const Op& op, const Inputs& inputs) {
    Pass& pass = op.part == 0 ? begin(op, inputs) : passes.at(pass_key(op));
    forward_blocks(stage(op), blocks_of_part(stage(op).chain.size(), op.part, op.parts), pass);
    if (op.part + 1 < op.parts) return std::nullopt;
    loss += pass.loss;
    Tensor product = std::move(pass.flowing);
    if (pass.recomputed) let_go_of_kept(pass);
    if (!model.pipeline.modules[op.module].backward) end(op);
    return product;
  }

  void recompute(const Op& op) {
    Pass& pass = passes.at(pass_key(op));
    if (op.part == 0) {
      pass.flowing = pass.input;
      allocate_kept(stage(op), rows_of(model, op.module, op.microbatch), pass);
      again.add(kept_bytes(pass));
    }
    forward_blocks(stage(op), blocks_of_part(stage(op).chain.size(), op.part, op.parts), pass);
  }

  std::optional<Tensor> input_gradient(const Op& op, const Inputs& inputs) {
    Pass& pass = passes.at(pass_key(op));
    if (op.part == 0) pass.flowing = chain_gradient(model, op, tensors_of(inputs));
    const BlockRange range = blocks_of_part(stage(op).chain.size(), op.part, op.parts);
    input_gradient_blocks(stage(op), range, pass);
    if (op.kind == OpKind::backward) weight_gradient_blocks(stage(op), range, pass);
    if (op.part + 1 < op.parts) return std::nullopt;
    Tensor product = std::move(pass.flowing);
    if (op.kind == OpKind::backward) end(op);
    else held.add(held_bytes(pass));
    return product;
  }

  void weight_gradient(const Op& op) {
    Pass& pass = passes.at(pass_key(op));
    const std::int64_t before = held_bytes(pass);
    weight_gradient_blocks(stage(op), blocks_of_part(stage(op).chain.size(), op.part, op.parts), pass);
    held.add(held_bytes(pass) - before);
    if (op.part + 1 == op.parts) end(op);
  }
};

ComputeWork::ComputeWork(const Model& model, const Schedule& schedule, RankId rank)
    : state_(new State{model, recomputed_passes(schedule.rank_ops(rank)), {}, {}, 0, {}, {}, {}}) {}
ComputeWork::~ComputeWork() = default;

Shape ComputeWork::shape_of(const ProductKey& product) const {
  const auto shape = product.product == Product::output ? output_shape : input_shape;
  return shape(state_->model, product.module, product.stage, product.microbatch);
}

std::optional<Tensor> ComputeWork::run(const Op& op, const Inputs& inputs) {
  switch (op.kind) {
    case OpKind::forward: return state_->forward(op, inputs);
    case OpKind::backward:
    case OpKind::input_gradient: return state_->input_gradient(op, inputs);
    case OpKind::weight_gradient: state_->weight_gradient(op); return std::nullopt;
    case OpKind::recompute: state_->recompute(op); return std::nullopt;
  }
  return std::nullopt;
}

double ComputeWork::loss() const { return state_->loss; }
std::size_t ComputeWork::passes_alive() const { return state_->passes.size(); }

ComputeMemory ComputeWork::peak() const {
  return {Bytes{state_->kept.most}, Bytes{state_->again.most}, Bytes{state_->held.most}};
}

Gradients ComputeWork::take_gradients() {
  Gradients out;
  for (auto& [key, stage] : state_->stages)
    if (state_->model.pipeline.modules[key.module].backward) out[key] = std::move(stage.gradients);
  return out;
}

Bytes planned_kept_bytes(const Model& model, const Schedule& schedule, RankId rank) {
  CostTable costs = make_cost_table(model.pipeline, std::vector<bool>(model.pipeline.modules.size(), true));
  const auto recomputed = recomputed_passes(schedule.rank_ops(rank));
  for (const Op& op : schedule.rank_ops(rank)) {
    if (op.kind != OpKind::forward) continue;
    costs.activation[costs.slot(op)] = recomputed.contains(pass_key(op))
                                           ? Bytes{checkpoint_bytes(model, op)}
                                           : kept_bytes(model, op.module, op.stage, op.microbatch);
  }
  return activations_in_order(model.pipeline, schedule, costs)[rank.value].peak;
}

}  // namespace bigmac::runner
