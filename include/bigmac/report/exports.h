// A schedule in the formats of others. Each export says what its format could not carry.
#pragma once

#include <string>
#include <vector>

#include "bigmac/report/schedule_file.h"

namespace bigmac {

struct Export {
  std::string text;
  std::vector<std::string> dropped;  ///< what the format has no place for, in words
};

/// torch.distributed.pipelining's compute-only CSV: one row per rank, cells such as 2F0, 1I3, 1W3, 1B2. Encoder and
/// generator operations are dropped; microbatches are numbered in the order of the last stage's forwards, where torch
/// takes its losses. Throws Error{bad_input} for what torch cannot run: recomputation as an operation, a stage on two
/// ranks (DualPipe), a rank without an LLM stage. The schedule must be complete.
Export torch_csv(const ScheduleFile& file);

/// Megatron-LM's --pipeline-model-parallel-layout: stages of the plan's partition, `Ett|t*4|...|tL`. `layer_kinds`: for
/// each stage, the kinds of its layers in order; throws Error{bad_input} for a schedule without a partition.
Export megatron_layout(const ScheduleFile& file, const std::vector<std::vector<std::string>>& layer_kinds);

/// One line per operation: rank, step, op, module, stage, microbatch, start_ns, end_ns.
Export operations_csv(const ScheduleFile& file, const Outcome& outcome);

/// The kinds of each stage's layers out of a schedule file's text; empty where it holds no partition.
/// Throws Error{bad_input} also where other modules' layers stand between: a layout has no place for them.
std::vector<std::vector<std::string>> read_layer_kinds(const std::string& text, const std::string& file);

}  // namespace bigmac
