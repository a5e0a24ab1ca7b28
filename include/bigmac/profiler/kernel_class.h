// What a GPU operation does, told by its name: for roofline ratios, and to know communication.
#pragma once

#include <cstdint>
#include <string_view>

namespace bigmac {

enum class KernelClass : std::uint8_t {
  matrix_product,  ///< bound by arithmetic where large
  attention,       ///< fused attention: bound by arithmetic
  communication,   ///< NCCL, RCCL and the like: bound by links
  memory,          ///< everything else: elementwise, norms, copies; bound by memory
};
const char* name_of(KernelClass kind);

/// By substrings that libraries put into kernel names (cuBLAS, CUTLASS, cuDNN, Tensile, FlashAttention, Triton's own
/// names).
KernelClass class_of(std::string_view kernel_name);

}  // namespace bigmac
