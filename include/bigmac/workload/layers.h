// Builders: from the few numbers that a config file states to the layers of model.h.
//
// Between the importers (sim/workload/*_json.cpp) and the structs they fill. Every builder appends the
// matrix products in forward order and adds the small parameters to `other_parameters`, so that
// counts come out exactly. Sizes are expected valid (positive, heads divide): the importers see to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bigmac/workload/model.h"

namespace bigmac {

/// Root-mean-square normalisation has a weight per element, layer normalisation a bias too.
enum class Norm { rms, layer };
std::int64_t norm_parameters(Norm norm, std::int64_t width);

/// Multi-head or grouped-query attention; `window` as in AttentionCore.
struct AttentionSizes {
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;
  std::int64_t head_dim = 0;
  bool causal = true;
  std::int64_t window = 0;
  bool qkv_bias = false;
  bool out_bias = false;
  bool qk_norm = false;          ///< RMS over each head's query and key (one weight vector each)
  bool output_gate = false;      ///< a second projection as wide as the queries gates the output
  bool keys_are_values = false;  ///< one projection serves as key and value
};
void add_attention(Layer& layer, const AttentionSizes& shape);

/// Multi-head latent attention (DeepSeek-V2, arXiv 2405.04434, section 2.1).
struct LatentAttentionShape {
  std::int64_t heads = 0;
  std::int64_t query_rank = 0;  ///< 0: queries are projected directly
  std::int64_t kv_rank = 0;
  std::int64_t nope_dim = 0;  ///< per head, without rotary position
  std::int64_t rope_dim = 0;  ///< per head for queries, shared by all heads for keys
  std::int64_t v_dim = 0;
};
void add_latent_attention(Layer& layer, const LatentAttentionShape& shape);

/// Gated delta rule (Gated DeltaNet, arXiv 2412.06464).
struct LinearAttentionShape {
  std::int64_t key_heads = 0;
  std::int64_t value_heads = 0;
  std::int64_t key_dim = 0;    ///< per head
  std::int64_t value_dim = 0;  ///< per head
  std::int64_t kernel = 0;     ///< of the short causal convolution
};
/// The core is stated as softmax attention over a window with as many multiply-adds; see layers.cpp.
void add_linear_attention(Layer& layer, const LinearAttentionShape& shape);

struct MlpShape {
  std::int64_t width = 0;
  bool gated = true;
  bool bias = false;
};
void add_mlp(Layer& layer, const MlpShape& shape, LinearRole role = LinearRole::mlp);

struct ExpertShape {
  std::int64_t count = 0;
  std::int64_t active = 0;
  std::int64_t width = 0;         ///< hidden width of one expert
  std::int64_t shared_width = 0;  ///< of the shared experts together; 0: none
  bool shared_gate = false;       ///< a learned scalar gates the shared expert
  bool score_bias = false;        ///< one correction per expert in the router
};
void add_experts(Layer& layer, const ExpertShape& shape);

/// A transformer layer with its two normalisations and no products yet.
Layer transformer_layer(std::int64_t width, Norm norm);
/// A table of `vocabulary` rows, and learned positions if there are any.
Layer embedding_layer(std::int64_t vocabulary, std::int64_t width, std::int64_t positions = 0);
/// The last normalisation and the product with the vocabulary.
Layer head_layer(std::int64_t vocabulary, std::int64_t width, Norm norm);

/// Pixels to patches: one convolution whose stride is its size, as a matrix product.
struct PatchShape {
  std::int64_t channels = 3;
  std::int64_t patch = 0;
  std::int64_t frames = 1;  ///< temporal patch
  std::int64_t width = 0;
  bool bias = false;
  std::int64_t positions = 0;  ///< rows of a learned position table
  std::int64_t class_tokens = 0;
};
Layer patch_layer(const PatchShape& shape);

/// merge x merge patches to one LLM token through one or two products. `layer.width` is the tower's.
struct ProjectorShape {
  std::int64_t width = 0;  ///< of the tower
  std::int64_t merge = 1;
  std::int64_t hidden = 0;  ///< between two products; 0: one product only
  std::int64_t out = 0;     ///< the LLM's width
  bool bias = true;
  std::int64_t norm_parameters = 0;
};
Layer projector_layer(const ProjectorShape& shape);
/// Appends the projector's products to `layer`, named `prefix` + "_hidden" and `prefix` + "_out".
void add_projector(Layer& layer, const ProjectorShape& shape, const std::string& prefix);

/// Makes an encoder hand on `width` elements per token: rewrites every product named "..._out".
void retarget(Module& encoder, std::int64_t width);

/// A multimodal diffusion transformer (MMDiT, arXiv 2403.03206): inputs -> double-stream blocks -> single-stream
/// blocks -> patches. Tokens of its layers are those of image and condition together: both streams of a double block
/// have the same shape, so a token share of one half each gives the exact FLOPs whatever the mix.
struct DiffusionShape {
  std::int64_t heads = 0;
  std::int64_t head_dim = 0;  ///< width = heads x head_dim
  std::int64_t double_layers = 0;
  std::int64_t single_layers = 0;
  std::int64_t patch_elements_in = 0;  ///< latents x channels of one patch
  std::int64_t patch_elements_out = 0;
  std::int64_t condition_width = 0;
  bool condition_norm = false;
  std::vector<std::int64_t> vector_inputs;  ///< widths of what modulates: time step, pooled text, guidance
  bool qk_norm = true;
  bool last_condition_dropped = false;  ///< the last double block's condition stream ends in its attention
};
/// `pixels` is the side of one patch in pixels.
Module diffusion_module(const DiffusionShape& shape, std::int64_t pixels);
/// Elements per condition token that a generator takes.
std::int64_t condition_width(const Module& generator);
/// Makes a generator take conditions of `width` elements per token.
void retarget_conditions(Module& generator, std::int64_t width);

}  // namespace bigmac
