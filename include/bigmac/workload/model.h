// The model: modules, their layers, and in each layer the operators that cost time and memory.
//
// First noun of the flow. A layer is a list of matrix products, an optional attention core, and its
// small parameters: that is enough for parameter counts (exact), FLOPs, and, in the cost room, time
// and memory under any tensor, sequence, context or expert parallelism. A new architecture is a
// new way of filling these structs, and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace bigmac {

/// How tensor parallelism cuts a matrix: its outputs, its inputs, or not at all.
enum class Split { column, row, replicated };

/// What a product belongs to; expert products are executed by each token `Experts::active` times.
enum class LinearRole { attention, mlp, expert, shared_expert, router, embedding_like, modulation };

/// One matrix product y = x W (+ bias): `in` x `out` weights.
struct Linear {
  std::string name;  ///< "qkv", "gate_up", ...
  std::int64_t in = 0;
  std::int64_t out = 0;
  LinearRole role = LinearRole::mlp;
  Split split = Split::column;
  bool bias = false;
  /// Fused gated pair (gate and up in one product): half of `out` survives the activation.
  bool gated = false;
  /// Tokens that enter, per token of the layer: 0.25 where a projector merges 2 x 2 patches, 0 where
  /// the product works on one vector per sample (modulation).
  double token_share = 1;

  friend bool operator==(const Linear&, const Linear&) = default;
};

/// softmax(Q K^T) V.
struct AttentionCore {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t qk_dim = 0;  ///< width of one head's query and key
  std::int64_t v_dim = 0;   ///< width of one head's value
  bool causal = true;
  /// Tokens a query sees at most; 0: the whole sequence (or image).
  std::int64_t window = 0;

  friend bool operator==(const AttentionCore&, const AttentionCore&) = default;
};

/// A mixture of experts; its products are the layer's Linears of role expert (given for ONE expert).
struct Experts {
  std::int64_t count = 0;   ///< routed experts
  std::int64_t active = 0;  ///< routed experts per token

  friend bool operator==(const Experts&, const Experts&) = default;
};

enum class LayerKind { embedding, transformer, projector, head };

struct Layer {
  LayerKind kind = LayerKind::transformer;
  std::int64_t width = 0;       ///< residual stream, elements per token
  std::vector<Linear> linears;  ///< in forward order
  std::optional<AttentionCore> attention;
  std::optional<Experts> experts;
  std::int64_t norms = 2;  ///< normalisations of the residual stream, for traffic
  /// Parameters outside the matrices: norms, embedding tables, convolutions, position tables.
  std::int64_t other_parameters = 0;
  std::int64_t vocabulary = 0;  ///< of an embedding or a head, else 0

  friend bool operator==(const Layer&, const Layer&) = default;
};

/// Total parameters of a layer, all experts counted.
std::int64_t parameters(const Layer& layer);
/// Parameters one token meets: `active` of `count` experts; an embedding table counts in full.
std::int64_t active_parameters(const Layer& layer);

enum class Role { encoder, llm, generator };

struct Module {
  std::string name;  ///< "llm", "encoder", "vision", ...
  Role role = Role::llm;
  std::vector<Layer> layers;  ///< in forward order
  std::int64_t width = 0;
  std::int64_t output_width = 0;  ///< elements per token handed on
  /// Encoders and generators: the pixels' side of one patch. Encoders: patches merged (both ways) into one LLM token.
  std::int64_t patch = 0;
  std::int64_t merge = 1;        ///< 2 x 2 patches per token: merge = 2
  std::int64_t image_side = 0;   ///< fixed input side in pixels; 0: any size
  bool tied_embeddings = false;  ///< the head reuses the embedding table
};

std::int64_t parameters(const Module& module);
std::int64_t active_parameters(const Module& module);

struct Model {
  std::string name;
  std::string source;  ///< where its sizes come from
  std::vector<Module> encoders;
  Module llm;  ///< without layers where a file holds parts for others only
  std::vector<Module> generators;
};

std::int64_t parameters(const Model& model);

/// Reads a Hugging Face config.json, a diffusers MMDiT config.json or a bigmac.model/1 file, told
/// apart by content. Throws Error{bad_input}; an unknown model_type lists the known ones. `notes`
/// receives what was assumed where the file is silent.
Model load_model(const std::string& path, std::vector<std::string>& notes);
/// The same from text; `file` names it in messages and anchors relative paths inside it.
Model parse_model(const std::string& text, const std::string& file, std::vector<std::string>& notes);
/// The `model_type` (or diffusers `_class_name`) values that load_model understands, sorted.
std::vector<std::string> known_model_types();

}  // namespace bigmac
