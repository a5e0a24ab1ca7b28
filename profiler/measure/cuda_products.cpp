#include "cuda_products.h"

#include "bigmac/base/error.h"

namespace bigmac::cuda {

struct Products::Plan {
  explicit Plan(const BlasLt& library) : blas(library) {}
  ~Plan() {
    if (operation != nullptr) blas.operation_destroy(operation);
    for (const Handle layout : {a, b, d})
      if (layout != nullptr) blas.layout_destroy(layout);
  }
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const BlasLt& blas;
  Handle operation = nullptr, a = nullptr, b = nullptr, d = nullptr;
  Algorithm algorithm{};
  float beta = 0;
};

Products::Products(BlasLt blas) : blas_(blas) {}
Products::~Products() = default;

void Products::check(int result, const char* what) const {
  if (result != 0) bad_input("GPU", std::string(what) + " ended with cuBLAS status " + std::to_string(result));
}

void Products::open() { check(blas_.create(&handle_), "cublasLtCreate"); }

void Products::add_plan(const Shape& s, std::size_t workspace_bytes) {
  auto plan = std::make_unique<Plan>(blas_);
  plan->beta = s.accumulate ? 1 : 0;
  check(blas_.operation_create(&plan->operation, kCompute32F, kFp32), "cublasLtMatmulDescCreate");
  const std::int32_t a_as = s.transpose_a ? kTransposed : kPlain, b_as = s.transpose_b ? kTransposed : kPlain;
  check(blas_.operation_set(plan->operation, kTransposeA, &a_as, sizeof a_as), "cublasLtMatmulDescSetAttribute");
  check(blas_.operation_set(plan->operation, kTransposeB, &b_as, sizeof b_as), "cublasLtMatmulDescSetAttribute");
  const auto layout = [&](Handle& out, int type, std::int64_t rows, std::int64_t columns) {
    check(blas_.layout_create(&out, type, static_cast<std::uint64_t>(rows), static_cast<std::uint64_t>(columns), rows),
          "cublasLtMatrixLayoutCreate");
    const auto count = static_cast<std::int32_t>(s.batch);
    const std::int64_t stride = rows * columns;
    check(blas_.layout_set(out, kBatchCount, &count, sizeof count), "cublasLtMatrixLayoutSetAttribute");
    check(blas_.layout_set(out, kBatchStride, &stride, sizeof stride), "cublasLtMatrixLayoutSetAttribute");
  };
  layout(plan->a, kBf16, s.transpose_a ? s.inner : s.rows, s.transpose_a ? s.rows : s.inner);
  layout(plan->b, kBf16, s.transpose_b ? s.columns : s.inner, s.transpose_b ? s.inner : s.columns);
  layout(plan->d, s.accumulate ? kFp32 : kBf16, s.rows, s.columns);
  Handle preference = nullptr;
  check(blas_.preference_create(&preference), "cublasLtMatmulPreferenceCreate");
  check(blas_.preference_set(preference, kMostWorkspace, &workspace_bytes, sizeof workspace_bytes),
        "cublasLtMatmulPreferenceSetAttribute");
  Heuristic best{};
  int found = 0;
  const int result =
      blas_.heuristic(handle_, plan->operation, plan->a, plan->b, plan->d, plan->d, preference, 1, &best, &found);
  blas_.preference_destroy(preference);
  check(result, "cublasLtMatmulAlgoGetHeuristic");
  if (found < 1) bad_input("GPU", "cuBLASLt has no algorithm for a product of the model");
  plan->algorithm = best.algorithm;
  plans_.push_back(std::move(plan));
}

void Products::plan(const KernelCase& c, std::size_t workspace_bytes) {
  plans_.clear();
  const auto add = [&](std::int64_t rows, std::int64_t columns, std::int64_t inner, bool ta, bool tb,
                       bool accumulate = false) {
    add_plan({rows, columns, inner, c.batch, ta, tb, accumulate}, workspace_bytes);
  };
  switch (c.kind) {
    // y (m x n) = x (m x k) W^T with W (n x k) as frameworks store it: y^T = W x^T.
    case KernelKind::product: add(c.n, c.m, c.k, true, false); break;
    // dx (m x n) = dy (m x k) W with W (k x n): dx^T = W^T dy^T, both as they lie.
    case KernelKind::input_gradient: add(c.n, c.m, c.k, false, false); break;
    // dW (n x m) += dy^T (n x k) x (k x m): dW^T = x^T dy.
    case KernelKind::weight_gradient: add(c.m, c.n, c.k, false, true, true); break;
    case KernelKind::attention:
      add(c.n, c.m, c.k, true, false);   // S^T = K Q^T
      add(c.k, c.m, c.n, false, false);  // O^T = V^T P^T
      break;
    case KernelKind::attention_gradient:
      add(c.k, c.n, c.m, false, true);   // dV^T = dO^T P
      add(c.n, c.m, c.k, true, false);   // dP^T = V dO^T
      add(c.k, c.m, c.n, false, false);  // dQ^T = K^T dS^T
      add(c.k, c.n, c.m, false, true);   // dK^T = Q^T dS
      break;
    default: break;
  }
}

void Products::multiply(std::size_t index, Address a, Address b, Address d, Address workspace, std::size_t bytes,
                        Handle stream) const {
  const Plan& plan = *plans_[index];
  const float alpha = 1;
  check(blas_.multiply(handle_, plan.operation, &alpha, a, plan.a, b, plan.b, &plan.beta, d, plan.d, d, plan.d,
                       &plan.algorithm, workspace, bytes, stream),
        "cublasLtMatmul");
}

// A, B and D lie one after another, each at a multiple of 256 bytes.
void Products::run(const KernelCase& c, Address base, Address workspace, std::size_t bytes, Handle stream) const {
  const auto aligned = [](std::int64_t elements) {
    return (2 * static_cast<std::uint64_t>(elements) + 256) / 256 * 256;
  };
  const std::int64_t first = c.kind == KernelKind::weight_gradient ? c.m * c.k : c.n * c.k;
  const std::int64_t second = c.kind == KernelKind::weight_gradient ? c.n * c.k : c.m * c.k;
  const Address a = base, b = a + aligned(first * c.batch), d = b + aligned(second * c.batch);
  multiply(0, a, b, d, workspace, bytes, stream);
}

void Products::scores(const AttentionOperands& a, Address workspace, std::size_t bytes, Handle stream) const {
  multiply(0, a.key, a.query, a.scores, workspace, bytes, stream);
}

void Products::values(const AttentionOperands& a, Address workspace, std::size_t bytes, Handle stream) const {
  multiply(1, a.value, a.scores, a.output, workspace, bytes, stream);
}

void Products::value_gradients(const AttentionOperands& a, Address workspace, std::size_t bytes, Handle stream) const {
  multiply(0, a.output, a.scores, a.value_gradient, workspace, bytes, stream);  // the output's place holds its gradient
  multiply(1, a.value, a.output, a.score_gradient, workspace, bytes, stream);
}

void Products::score_gradients(const AttentionOperands& a, Address workspace, std::size_t bytes, Handle stream) const {
  multiply(2, a.key, a.score_gradient, a.query_gradient, workspace, bytes, stream);
  multiply(3, a.query, a.score_gradient, a.key_gradient, workspace, bytes, stream);
}

}  // namespace bigmac::cuda
