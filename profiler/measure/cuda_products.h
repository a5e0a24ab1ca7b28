// Matrix products by cuBLASLt, planned once per case (layouts and the heuristic's first algorithm, as frameworks take
// it), then run.
#pragma once

#include <memory>
#include <vector>

#include "bigmac/profiler/measure.h"
#include "cuda_abi.h"

namespace bigmac::cuda {

struct AttentionOperands {
  Address query, key, value, output, scores;
  Address query_gradient, key_gradient, value_gradient, score_gradient;
};

class Products {
 public:
  explicit Products(BlasLt blas);
  ~Products();
  Products(const Products&) = delete;
  Products& operator=(const Products&) = delete;

  void open();  ///< needs a current context
  std::size_t version() const { return blas_.version(); }

  /// Plans the products of a case (none for norms and streams). Throws Error{bad_input} where cuBLASLt has no
  /// algorithm.
  void plan(const KernelCase& kernel, std::size_t workspace_bytes);
  /// The product of a product case; its operands lie from `base` on.
  void run(const KernelCase& kernel, Address base, Address workspace, std::size_t workspace_bytes, Handle stream) const;
  // Of an attention case.
  void scores(const AttentionOperands& a, Address workspace, std::size_t bytes, Handle stream) const;  ///< S = Q K^T
  void values(const AttentionOperands& a, Address workspace, std::size_t bytes, Handle stream) const;  ///< O = P V
  void value_gradients(const AttentionOperands& a, Address workspace, std::size_t bytes,
                       Handle stream) const;  ///< dV = P^T dO, dP = dO V^T
  void score_gradients(const AttentionOperands& a, Address workspace, std::size_t bytes,
                       Handle stream) const;  ///< dQ = dS K, dK = dS^T Q

 private:
  struct Plan;
  /// Column major, as cuBLAS sees it: D (rows x columns) = op(A) op(B), `inner` between. Row-major matrices are its
  /// transposes.
  struct Shape {
    std::int64_t rows, columns, inner, batch;
    bool transpose_a, transpose_b, accumulate;  ///< accumulate: D in fp32, D += ...
  };
  void add_plan(const Shape& shape, std::size_t workspace_bytes);
  void multiply(std::size_t plan, Address a, Address b, Address d, Address workspace, std::size_t bytes,
                Handle stream) const;
  void check(int result, const char* what) const;

  BlasLt blas_;
  Handle handle_ = nullptr;
  std::vector<std::unique_ptr<Plan>> plans_;
};

}  // namespace bigmac::cuda
