// The operations of a rank, computed: activations kept from F to B (or W), gradients added up over microbatches.
#pragma once

#include <map>
#include <memory>

#include "bigmac/runner/model.h"
#include "bigmac/runner/work.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac::runner {

struct StageKey {
  ModuleId module;
  StageId stage;
  friend auto operator<=>(const StageKey&, const StageKey&) = default;
};

/// By stage: for each block of its chain, a tensor for each weight.
using Gradients = std::map<StageKey, std::vector<Tensors>>;

/// Most bytes of tensors held at once, by why they are held.
struct ComputeMemory {
  Bytes kept{};        ///< from F until the pass ends: what a plan calls activations
  Bytes recomputed{};  ///< made again by R (and, for such passes, inside F) until the pass ends
  Bytes held{};        ///< gradients that I leaves for W
};

class ComputeWork : public Work {
 public:
  /// `model` must outlive it.
  ComputeWork(const Model& model, const Schedule& schedule, RankId rank);
  ~ComputeWork() override;

  Shape shape_of(const ProductKey& product) const override;
  std::optional<Tensor> run(const Op& op, const Inputs& inputs) override;
  Clock::time_point departure(const Op&) const override { return Clock::now(); }

  double loss() const;
  /// Sums over this rank's microbatches; of what has no backward, nothing. Once, after the step.
  Gradients take_gradients();
  ComputeMemory peak() const;
  std::size_t passes_alive() const;  ///< 0 after a whole step: everything kept was freed

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Bytes a rank must hold at most by the plan's own accounting (memory/activations.h), with the model's sizes in place
/// of the job's: what ComputeMemory::kept has to equal. Passes with a listed R keep their input only.
Bytes planned_kept_bytes(const Model& model, const Schedule& schedule, RankId rank);

}  // namespace bigmac::runner
