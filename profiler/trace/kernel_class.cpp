#include "bigmac/profiler/kernel_class.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>

namespace bigmac {
namespace {

// Looked for in lower case, in this order: NCCL before products, attention before products.
constexpr std::array<std::string_view, 6> kCommunication = {"nccl",      "rccl",          "allreduce",
                                                            "allgather", "reducescatter", "alltoall"};
constexpr std::array<std::string_view, 7> kAttention = {"flash_fwd", "flash_bwd",        "fmha",    "flash_attn",
                                                        "flashattn", "attention_kernel", "cutlassf"};
// cijk_: Tensile (AMD). sgemm, hgemm, gemmk1: all hold gemm. s884, s1688, s16816, hmma: tensor-core products of cuBLAS
// and cuDNN.
constexpr std::array<std::string_view, 13> kProducts = {"gemm",  "gemv", "cijk_", "s884",  "s1688", "s16816",  "hmma",
                                                        "wgmma", "xmma", "conv",  "dgrad", "wgrad", "winograd"};

template <std::size_t N>
bool holds_any(std::string_view text, const std::array<std::string_view, N>& parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view part) { return text.find(part) != std::string_view::npos; });
}

}  // namespace

const char* name_of(KernelClass kind) {
  constexpr const char* kNames[] = {"matrix product", "attention", "communication", "memory-bound"};
  return kNames[static_cast<std::size_t>(kind)];
}

KernelClass class_of(std::string_view kernel_name) {
  std::string lower(kernel_name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  if (holds_any(lower, kCommunication)) return KernelClass::communication;
  if (holds_any(lower, kAttention)) return KernelClass::attention;
  if (holds_any(lower, kProducts)) return KernelClass::matrix_product;
  return KernelClass::memory;
}

}  // namespace bigmac
