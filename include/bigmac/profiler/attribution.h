// Whose work a GPU operation is: its layer, and its pass.
//
//   GPU operation ──(process, correlation)──> launching call ──> innermost layer range open on that thread
//
// A layer range is an NVTX range, user annotation or nn.Module frame whose name a LayerRule matches. Where the
// launching thread shows none, in order of trust: the forward of the autograd operator that launched it (backward runs
// on a thread of its own); a process-wide range open at the launch; the layer range open on the main thread at the
// launch. How each operation was attributed is kept, and what was not is counted.
//
// Passes. Backward: launched under a backward operator of autograd, or in a range whose name says backward. A forward
// operator inside a backward is recomputation. Backward splits into input and weight gradients by what tells them:
// names of kernels (dgrad, wgrad, wrw), autograd nodes that make weight gradients only (AccumulateGrad, embeddings),
// and, in the node of a matrix product, the order of its two products (PyTorch computes the input's first; one alone is
// taken for the weight's). What nothing tells counts as input gradient.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "bigmac/profiler/trace.h"
#include "bigmac/workload/model.h"

namespace bigmac {

enum class Pass : std::uint8_t { forward, input_gradient, weight_gradient, recompute, optimizer, communication, none };
inline constexpr std::size_t kPasses = 7;
const char* name_of(Pass pass);

/// How an operation came to its layer.
enum class Trust : std::uint8_t { thread_range, backward_operator, process_range, main_thread, none };
inline constexpr std::size_t kTrusts = 5;
const char* name_of(Trust trust);

/// Ranges whose name matches are layers of this module and kind.
struct LayerRule {
  std::string pattern;  ///< regular expression, found anywhere in the name
  std::string module;
  LayerKind kind = LayerKind::transformer;
};

/// "REGEX=MODULE/KIND", KIND embedding, transformer, projector or head. Throws Error{bad_input}.
LayerRule parse_layer_rule(const std::string& text);
/// Names of the modules of Hugging Face and Megatron-LM models, and "layer:MODULE/KIND", which an own range may say
/// itself.
std::vector<LayerRule> default_layer_rules();

struct Attributed {
  Pass pass = Pass::none;
  Pass within = Pass::none;  ///< of communication: forward or backward, where a layer waits for it
  Trust trust = Trust::none;
  std::optional<EventId> layer;  ///< the range: one instance of a layer
  std::optional<EventId> top;    ///< the outermost operator around the launch
};

struct Attribution {
  std::vector<LayerRule> rules;
  std::vector<std::uint8_t> rule_of;   ///< by event: 1 + the rule that a range matches; 0: no layer
  std::vector<Attributed> operations;  ///< by event; of GPU operations
  Nanoseconds total;                   ///< GPU time
  std::array<Nanoseconds, kPasses> by_pass{};
  std::array<Nanoseconds, kTrusts> by_trust{};  ///< `none`: without a layer
};

Attribution attribute(const Trace& trace, const std::vector<LayerRule>& rules);

/// By event: the name of its layer's range, as what-if scales it; NameId{} where it has none.
std::vector<NameId> layer_names(const Trace& trace, const Attribution& attribution);

/// Time of one kind of layer, or of one operator, by pass.
struct LayerRow {
  std::string name;    ///< "llm/transformer", or the operator's
  std::string module;  ///< of a layer
  LayerKind kind = LayerKind::transformer;
  std::size_t layers = 0;                   ///< distinct names
  std::size_t instances = 0;                ///< times it ran forward: ranges with GPU work
  std::array<Nanoseconds, kPasses> time{};  ///< communication inside the layer counts to its pass ...
  Nanoseconds communication;                ///< ... and here once more
  std::size_t memory_instances = 0;         ///< forward ranges with memory events
  Bytes saved, transient;                   ///< means over them: held when the range ends; the peak above that
};

/// One row for each (module, kind) that matched, in order of rules.
std::vector<LayerRow> layer_table(const Trace& trace, const Attribution& attribution);
/// One row for each outermost operator that launched work; the longest first.
std::vector<LayerRow> operator_table(const Trace& trace, const Attribution& attribution);

/// Means of what profiler/python/bigmac_memory.py wrote (schema bigmac.memory/1, JSON lines): forward passes of layers
/// whose name a rule matches go to the row of its module and kind, in place of a recording's own memory events. Layers
/// without a row are left out. Throws Error{bad_input} with the byte of the line.
void add_layer_memory(const std::string& text, const std::string& file, const std::vector<LayerRule>& rules,
                      std::vector<LayerRow>& rows);

/// What a cost table says of itself.
struct CostTableFacts {
  std::string source;       ///< GPU, driver, date, how
  std::int64_t tokens = 0;  ///< of a microbatch in the recorded run
  std::int64_t tp = 1;
};
/// The rows as a cost table, schema bigmac.costs/1: means over instances. Rows that never ran forward are left out.
std::string cost_table_text(const std::vector<LayerRow>& rows, const Attribution& attribution,
                            const CostTableFacts& facts);

}  // namespace bigmac
