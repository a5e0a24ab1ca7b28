// The job: what a user asks for, schema bigmac.job/1.
//
// First noun of the flow. Two forms share the file: the full form names a model and a cluster; the abstract form
// states a pipeline and what its passes cost, so that a schedule can be studied by itself. A job that holds both
// (every schedule file embeds such a job) is timed by its stated costs.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bigmac/base/units.h"
#include "bigmac/workload/cluster.h"
#include "bigmac/workload/data.h"
#include "bigmac/workload/given_costs.h"
#include "bigmac/workload/measured_costs.h"
#include "bigmac/workload/model.h"
#include "bigmac/workload/pipeline.h"

namespace bigmac {

/// A pipeline and its costs, stated.
struct AbstractJob {
  Pipeline pipeline;
  GivenCosts costs;  ///< one per module of the pipeline
};

/// Degrees the job fixes; the rest is searched.
struct FixedParallel {
  std::optional<int> tp, cp, pp, vpp, dp, ep;
  std::optional<int> encoder_tp, generator_tp, encoder_pp;
  std::optional<bool> shard_sides, shard_optimizer;
  std::optional<std::string> recompute, encoder_recompute,
      generator_recompute;  ///< none, selective, mlp, partial, full
};

/// Training choices that change cost and memory and that a search does not vary.
struct Training {
  bool distributed_optimizer = true;  ///< optimizer state may be sharded over data-parallel ranks (ZeRO stage 1)
  bool sequence_parallel = true;      ///< norms and dropouts sharded over tp (Korthikanti et al. 2022)
  bool overlap_gradients = true;      ///< data-parallel traffic under the backward where it fits
  // No weight gradients and no optimizer state. What is frozen before anything trained has no backward at all; what
  // follows something trained passes gradients on.
  bool freeze_encoder = false, freeze_llm = false, freeze_generator = false;
  bool train_projector = false;  ///< with freeze_encoder: but an encoder's projector is trained
  bool flash_attention = true;   ///< one kernel; otherwise products, softmax and dropout one by one
  bool dropout = false;
  bool fp32_gradients = true;     ///< accumulated and reduced in fp32; otherwise in 16 bits
  bool overlap_transfers = true;  ///< between stages; otherwise a pass ends when its result has arrived
  /// The host waits for each transfer that is not overlapped before it launches the next pass (Megatron-LM).
  bool synchronize_transfers = false;
  bool overlap_tensor = false;     ///< tp traffic pipelined with the products beside it (Transformer Engine)
  bool dispatch_once = false;      ///< tokens cross to a node once, however many of its experts they go to (DeepEP)
  bool scatter_transfers = false;  ///< each tp rank sends its part (2104.04473, 4.1); sequence parallelism implies it
  bool even_stages = false;  ///< as many transformer layers in every stage, as Megatron-LM does, not the least dearest
  std::vector<std::int64_t> stage_layers;  ///< transformer layers of each virtual stage; empty: by the rule above
};

struct Batch {
  std::int64_t global = 1;
  std::optional<std::int64_t> micro;  ///< samples; absent: searched
};

struct Job {
  std::string name;
  std::string source;  ///< where the job's numbers come from
  std::optional<AbstractJob> abstract;
  // The full form; all present or none.
  std::optional<Model> model;
  std::optional<Cluster> cluster;
  std::optional<MeasuredCosts> measured;  ///< "costs": layers measured, in place of analytic ones
  DataSpec data;
  Batch batch;
  Training training;
  FixedParallel parallel;
  std::optional<std::uint64_t> seed;  ///< "search": {"seed"}: replaces the seeds of the data
  std::optional<Bytes> memory_limit;  ///< per GPU; absent: the GPU's memory less a reserve
  std::vector<std::string> notes;     ///< what was ignored or assumed while reading
  std::string resolved;               ///< the job as JSON with the files it names put in place
};

/// Throws Error{bad_input}. Paths in the job are relative to the job file.
Job load_job(const std::string& path);
Job parse_job(const std::string& text, const std::string& file);

/// The pipeline and stated costs as the JSON members "pipeline" and "costs_ns" of a job, for embedding.
std::string abstract_job_members(const Pipeline& pipeline, const GivenCosts& costs);

}  // namespace bigmac
