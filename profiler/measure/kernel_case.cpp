#include "bigmac/profiler/measure.h"

namespace bigmac {
namespace {

constexpr double kHalf = 2, kSingle = 4;  // bytes of bf16 and fp32

struct Sizes {
  double m, n, k, batch;
};
Sizes sizes(const KernelCase& c) {
  return {static_cast<double>(c.m), static_cast<double>(c.n), static_cast<double>(c.k), static_cast<double>(c.batch)};
}

bool is_product(KernelKind kind) { return kind <= KernelKind::weight_gradient; }

}  // namespace

const char* name(KernelKind kind) {
  switch (kind) {
    case KernelKind::product: return "product";
    case KernelKind::input_gradient: return "input_gradient";
    case KernelKind::weight_gradient: return "weight_gradient";
    case KernelKind::attention: return "attention";
    case KernelKind::attention_gradient: return "attention_gradient";
    case KernelKind::norm: return "norm";
    case KernelKind::norm_gradient: return "norm_gradient";
    case KernelKind::stream: break;
  }
  return "stream";
}

// Attention unfused: two products forward (m x n x k each), four backward; masked pairs are computed like the others.
double flops(const KernelCase& c) {
  const auto [m, n, k, batch] = sizes(c);
  if (is_product(c.kind)) return 2 * m * n * k * batch;
  if (c.kind == KernelKind::attention) return 4 * m * n * k * batch;
  if (c.kind == KernelKind::attention_gradient) return 8 * m * n * k * batch;
  return 0;
}

double bytes_moved(const KernelCase& c) {
  const auto [m, n, k, batch] = sizes(c);
  switch (c.kind) {
    case KernelKind::product:
    case KernelKind::input_gradient: return kHalf * batch * (m * k + k * n + m * n);
    case KernelKind::weight_gradient: return batch * (kHalf * (m * k + k * n) + 2 * kSingle * m * n);
    case KernelKind::attention: return kHalf * batch * (2 * m * k + 2 * n * k + 4 * m * n);
    case KernelKind::attention_gradient: return kHalf * batch * (4 * m * k + 4 * n * k + 7 * m * n);
    case KernelKind::norm: return 2 * kHalf * m * k;
    case KernelKind::norm_gradient: return 3 * kHalf * m * k;
    case KernelKind::stream: break;
  }
  return k;
}

double bytes_needed(const KernelCase& c) {
  const auto [m, n, k, batch] = sizes(c);
  if (c.kind == KernelKind::weight_gradient) return batch * (kHalf * (m * k + k * n) + kSingle * m * n);
  if (c.kind == KernelKind::attention) return kHalf * batch * (2 * m * k + 2 * n * k + m * n);
  if (c.kind == KernelKind::attention_gradient) return kHalf * batch * (4 * m * k + 4 * n * k + 2 * m * n);
  return bytes_moved(c);
}

}  // namespace bigmac
