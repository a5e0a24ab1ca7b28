#include "bigmac/workload/layers.h"

#include <algorithm>

namespace bigmac {
namespace {

void add(Layer& layer, const char* name, std::int64_t in, std::int64_t out, LinearRole role, Split split, bool bias) {
  layer.linears.push_back({.name = name, .in = in, .out = out, .role = role, .split = split, .bias = bias});
}

}  // namespace

std::int64_t norm_parameters(Norm norm, std::int64_t width) { return norm == Norm::rms ? width : 2 * width; }

void add_attention(Layer& layer, const AttentionSizes& shape) {
  const std::int64_t queries = shape.heads * shape.head_dim;
  const std::int64_t keys = shape.kv_heads * shape.head_dim;
  const std::int64_t projected = queries * (shape.output_gate ? 2 : 1) + keys * (shape.keys_are_values ? 1 : 2);
  add(layer, "qkv", layer.width, projected, LinearRole::attention, Split::column, shape.qkv_bias);
  add(layer, "attention_out", queries, layer.width, LinearRole::attention, Split::row, shape.out_bias);
  if (shape.qk_norm) layer.other_parameters += 2 * shape.head_dim;
  layer.attention = AttentionCore{.heads = shape.heads,
                                  .kv_heads = shape.kv_heads,
                                  .qk_dim = shape.head_dim,
                                  .v_dim = shape.head_dim,
                                  .causal = shape.causal,
                                  .window = shape.window};
}

void add_latent_attention(Layer& layer, const LatentAttentionShape& shape) {
  const std::int64_t qk_dim = shape.nope_dim + shape.rope_dim;
  const auto role = LinearRole::attention;
  if (shape.query_rank > 0) {
    add(layer, "q_down", layer.width, shape.query_rank, role, Split::replicated, false);
    add(layer, "q_up", shape.query_rank, shape.heads * qk_dim, role, Split::column, false);
    layer.other_parameters += shape.query_rank;
  } else {
    add(layer, "q", layer.width, shape.heads * qk_dim, role, Split::column, false);
  }
  add(layer, "kv_down", layer.width, shape.kv_rank + shape.rope_dim, role, Split::replicated, false);
  add(layer, "kv_up", shape.kv_rank, shape.heads * (shape.nope_dim + shape.v_dim), role, Split::column, false);
  add(layer, "attention_out", shape.heads * shape.v_dim, layer.width, role, Split::row, false);
  layer.other_parameters += shape.kv_rank;
  layer.attention = AttentionCore{.heads = shape.heads,
                                  .kv_heads = shape.heads,
                                  .qk_dim = qk_dim,
                                  .v_dim = shape.v_dim,
                                  .causal = true,
                                  .window = 0};
}

// The chunkwise gated delta rule works on chunks of C = 64 tokens (the kernels' default). Multiply-adds per
// token and head: inside the chunk Q K^T and K K^T (2 C k), the triangular inverse (C C) and its products
// with keys and values (C (k + v)), scores times values (C v); across chunks reading the state for output and
// correction, and writing it (3 k v). Softmax attention takes w (k + v) where every query sees w tokens, so the
// window w follows from equating the two: 368 for Qwen3.5's heads of 128.
void add_linear_attention(Layer& layer, const LinearAttentionShape& shape) {
  constexpr std::int64_t kChunk = 64;
  const std::int64_t k = shape.key_dim, v = shape.value_dim;
  const std::int64_t keys = shape.key_heads * k, values = shape.value_heads * v;
  const auto role = LinearRole::attention;
  add(layer, "qkvz", layer.width, 2 * keys + 2 * values, role, Split::column, false);
  add(layer, "decay_beta", layer.width, 2 * shape.value_heads, role, Split::column, false);
  add(layer, "attention_out", values, layer.width, role, Split::row, false);
  layer.other_parameters += shape.kernel * (2 * keys + values) + 2 * shape.value_heads + v;
  const std::int64_t work = kChunk * (3 * k + 2 * v) + kChunk * kChunk + 3 * k * v;
  layer.attention = AttentionCore{.heads = shape.value_heads,
                                  .kv_heads = shape.key_heads,
                                  .qk_dim = k,
                                  .v_dim = v,
                                  .causal = true,
                                  .window = std::max<std::int64_t>(1, work / (k + v))};
}

void add_mlp(Layer& layer, const MlpShape& shape, LinearRole role) {
  const std::int64_t factor = shape.gated ? 2 : 1;
  add(layer, shape.gated ? "gate_up" : "up", layer.width, factor * shape.width, role, Split::column, shape.bias);
  layer.linears.back().gated = shape.gated;
  add(layer, "down", shape.width, layer.width, role, Split::row, shape.bias);
}

void add_experts(Layer& layer, const ExpertShape& shape) {
  add(layer, "router", layer.width, shape.count, LinearRole::router, Split::replicated, false);
  if (shape.score_bias) layer.other_parameters += shape.count;
  layer.experts = Experts{.count = shape.count, .active = shape.active};
  add_mlp(layer, {.width = shape.width}, LinearRole::expert);
  if (shape.shared_width == 0) return;
  add_mlp(layer, {.width = shape.shared_width}, LinearRole::shared_expert);
  if (shape.shared_gate) add(layer, "shared_gate", layer.width, 1, LinearRole::router, Split::replicated, false);
}

Layer transformer_layer(std::int64_t width, Norm norm) {
  Layer layer;
  layer.width = width;
  layer.other_parameters = 2 * norm_parameters(norm, width);
  return layer;
}

Layer embedding_layer(std::int64_t vocabulary, std::int64_t width, std::int64_t positions) {
  Layer layer;
  layer.kind = LayerKind::embedding;
  layer.width = width;
  layer.norms = 0;
  layer.vocabulary = vocabulary;
  layer.other_parameters = (vocabulary + positions) * width;
  return layer;
}

Layer head_layer(std::int64_t vocabulary, std::int64_t width, Norm norm) {
  Layer layer;
  layer.kind = LayerKind::head;
  layer.width = width;
  layer.norms = 1;
  layer.vocabulary = vocabulary;
  layer.other_parameters = norm_parameters(norm, width);
  add(layer, "head", width, vocabulary, LinearRole::embedding_like, Split::column, false);
  return layer;
}

}  // namespace bigmac
