// How a job is cut over GPUs: the degrees a search varies.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bigmac {

/// What a layer runs again for its backward: nothing, its attention core, its MLP or experts, all of it. `partial`: of
/// each stage as many layers, whole, as its memory asks for (cost/partition.h); for encoders and generators the same as
/// none.
enum class Recompute { none, selective, mlp, partial, full };
const char* name(Recompute recompute);
/// All names, in the order of the choices.
std::vector<std::string> recompute_names();
/// Throws Error{bad_input} for any other name.
Recompute recompute_named(const std::string& name);

/// Encoders, LLM and generators apart, or their layers as one linear list cut over all stages by time or by FLOPs
/// (Megatron-LM balanced, as in 2408.03505, section 5.1).
enum class OneList { no, by_time, by_flops };

/// GPUs = tp x cp x pp x dp, laid out in that order (tp innermost, pp outermost, as Megatron-LM does).
/// ep regroups the GPUs of one pipeline stage: expert tensor parallelism is 1.
struct ParallelPlan {
  int tp = 1, cp = 1, pp = 1, vpp = 1, dp = 1, ep = 1;
  int encoder_tp = 1, generator_tp = 1;  ///< within a rank's tp x cp GPUs; the rest of them is data parallel
  /// Consecutive ranks that share one encoder, its layers cut into as many stages (PP_enc of Optimus, 2408.03505);
  /// divides pp.
  int encoder_pp = 1;
  std::int64_t micro_batch = 1;  ///< samples
  Recompute recompute = Recompute::none;
  std::optional<Recompute> encoder_recompute, generator_recompute;  ///< absent: as the LLM
  bool shard_optimizer = true;  ///< over data-parallel ranks, where the job's training shards it at all
  /// Encoder and generator weights and gradients sharded over the GPUs of a node that hold the same part (FSDP within a
  /// node, hybrid sharding: Zhao et al. 2023, 2304.11277, section 3.2.2); gathered layer by layer when used.
  bool shard_sides = false;
  OneList one_list = OneList::no;  ///< what a schedule asks for, not what is searched

  int gpus() const { return tp * cp * pp * dp; }
  int rank_gpus() const { return tp * cp; }
  Recompute recompute_of_encoders() const { return encoder_recompute.value_or(recompute); }
  Recompute recompute_of_generators() const { return generator_recompute.value_or(recompute); }
  friend auto operator<=>(const ParallelPlan&, const ParallelPlan&) = default;
};

}  // namespace bigmac
