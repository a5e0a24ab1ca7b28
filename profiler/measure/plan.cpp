// From layers to the kernels that make them up. Shapes are the cost room's own (cost/layer_kernels.h).
#include <algorithm>
#include <cmath>
#include <map>

#include "bigmac/base/error.h"
#include "bigmac/cost/layer_kernels.h"
#include "bigmac/profiler/measure.h"

namespace bigmac {
namespace {

std::int64_t whole(double size) { return std::max<std::int64_t>(1, std::llround(size)); }

/// Collects cases, each once, and numbers them in the order met.
class Cases {
 public:
  CaseUse use(const KernelCase& kernel, double times) {
    const auto [at, added] = numbers_.try_emplace(kernel, cases_.size());
    if (added) cases_.push_back(kernel);
    return {at->second, times};
  }
  std::vector<KernelCase> take() { return std::move(cases_); }

 private:
  std::map<KernelCase, std::size_t> numbers_;
  std::vector<KernelCase> cases_;
};

void add_products(const LayerKernels& kernels, Cases& cases, LayerPlanRow& row) {
  for (const ProductKernel& p : kernels.products) {
    const std::int64_t rows = whole(p.rows), in = whole(p.in), out = whole(p.out), count = whole(p.count);
    row.forward.push_back(cases.use({KernelKind::product, rows, out, in, count}, 1));
    if (p.input_gradient)
      row.input_gradient.push_back(cases.use({KernelKind::input_gradient, rows, in, out, count}, 1));
    row.weight_gradient.push_back(cases.use({KernelKind::weight_gradient, in, out, rows, count}, 1));
  }
}

void add_attention(const LayerKernels& kernels, const std::optional<Gpu>& by, Cases& cases, LayerPlanRow& row) {
  if (!kernels.attention) return;
  const AttentionShape& a = *kernels.attention;
  if (by) {
    row.formula_forward_us = attention_forward_us(*by, a);
    row.formula_input_gradient_us = attention_backward_us(*by, a);
    return;
  }
  // A window bounds the keys that a query meets; the case is the square of queries and keys of that size, as often as
  // fits.
  const double window = a.window > 0 ? std::min(a.window, a.sequence) : a.sequence;
  const std::int64_t keys = whole(window), width = whole((a.qk_dim + a.v_dim) / 2);
  const std::int64_t heads = whole(a.batch * a.heads * a.sequence / window);
  const bool causal = a.causal && a.window <= 0;
  row.forward.push_back(cases.use({KernelKind::attention, keys, keys, width, heads, causal}, 1));
  row.input_gradient.push_back(cases.use({KernelKind::attention_gradient, keys, keys, width, heads, causal}, 1));
}

/// What the norms leave of the traffic, at its mean size: elementwise kernels are linear in their bytes.
void add_stream(const KernelTraffic& all, double norms, double norm_bytes, Cases& cases, std::vector<CaseUse>& pass) {
  const double kernels = all.kernels - norms, bytes = all.bytes - norms * norm_bytes;
  if (kernels > 0.5 && bytes > 0)
    pass.push_back(cases.use({KernelKind::stream, 0, 0, whole(bytes / kernels), 1}, kernels));
}

void add_traffic(const LayerKernels& kernels, Cases& cases, LayerPlanRow& row) {
  const KernelCase norm{KernelKind::norm, whole(kernels.norm_rows), 0, whole(kernels.norm_width), 1};
  KernelCase gradient = norm;
  gradient.kind = KernelKind::norm_gradient;
  const double norms = kernels.norms;
  if (norms > 0) {
    row.forward.push_back(cases.use(norm, norms));
    row.input_gradient.push_back(cases.use(gradient, norms));
  }
  add_stream(kernels.forward, norms, bytes_moved(norm), cases, row.forward);
  add_stream(kernels.input_gradient, norms, bytes_moved(gradient), cases, row.input_gradient);
  add_stream(kernels.weight_gradient, 0, 0, cases, row.weight_gradient);
}

struct Size {
  std::int64_t sequence, microbatch;
};

void add_layer(const Module& module, const Layer& layer, const std::optional<Gpu>& attention_by, double alike, int tp,
               Size size, Cases& cases, std::vector<LayerPlanRow>& rows) {
  const double tokens = static_cast<double>(size.sequence * size.microbatch);
  LayerPlan plan;
  plan.tp = tp;
  const LayerKernels kernels = layer_kernels(layer, plan, {tokens, tokens * static_cast<double>(size.sequence)});
  LayerPlanRow row;
  row.module = module.name;
  row.layer = layer.kind;
  row.layers = alike;
  row.tp = tp;
  row.sequence = size.sequence;
  row.microbatch = size.microbatch;
  row.tokens = tokens;
  add_products(kernels, cases, row);
  add_attention(kernels, attention_by, cases, row);
  add_traffic(kernels, cases, row);
  rows.push_back(std::move(row));
}

void add_module(const Module& module, const MeasurementRequest& request, Cases& cases,
                std::vector<LayerPlanRow>& rows) {
  std::vector<const Layer*> distinct;
  std::vector<double> alike;
  for (const Layer& layer : module.layers) {
    const auto known =
        std::find_if(distinct.begin(), distinct.end(), [&](const Layer* other) { return *other == layer; });
    if (known != distinct.end()) {
      ++alike[static_cast<std::size_t>(known - distinct.begin())];
      continue;
    }
    distinct.push_back(&layer);
    alike.push_back(1);
  }
  const auto& sequences = module.role == Role::llm ? request.sequences : request.images;
  for (const int tp : request.tensor_parallel)
    for (const std::int64_t sequence : sequences)
      for (const std::int64_t microbatch : request.microbatches)
        for (std::size_t i = 0; i < distinct.size(); ++i)
          add_layer(module, *distinct[i], request.attention_by, alike[i], tp, {sequence, microbatch}, cases, rows);
}

void check_sizes(const char* option, const std::vector<std::int64_t>& values, std::int64_t most) {
  if (values.empty()) bad_input(option, "expected at least one number");
  for (const std::int64_t value : values)
    if (value < 1 || value > most)
      bad_input(option, "expected integers from 1 to " + std::to_string(most) + ", found " + std::to_string(value));
}

}  // namespace

Measurement plan_measurement(const MeasurementRequest& request) {
  check_sizes("--sequence", request.sequences, 1 << 24);
  check_sizes("--image-tokens", request.images, 1 << 24);
  check_sizes("--microbatch", request.microbatches, 1 << 16);
  check_sizes("--tp", {request.tensor_parallel.begin(), request.tensor_parallel.end()}, 1024);
  Cases cases;
  Measurement out;
  for (const Module& module : request.model.encoders) add_module(module, request, cases, out.rows);
  add_module(request.model.llm, request, cases, out.rows);
  for (const Module& module : request.model.generators) add_module(module, request, cases, out.rows);
  out.cases = cases.take();
  return out;
}

}  // namespace bigmac
