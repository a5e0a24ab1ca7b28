// A GPU on the CPU, behind the same tables of functions as the real libraries: memory is memory, a product is a loop, a
// launch runs our own second version of the kernel. What lies outside an allocation, or is written while it is read,
// fails the test.
#pragma once

#include <cstdint>
#include <vector>

#include "profiler/measure/cuda_abi.h"

namespace bigmac::test {

cuda::Driver fake_driver();
cuda::BlasLt fake_blas();
cuda::Nvrtc fake_nvrtc();

/// What has happened since reset().
struct FakeGpuState {
  std::vector<std::uint8_t> memory;  ///< the one allocation
  std::size_t free_bytes = std::size_t{160} << 20;
  int products = 0, launches = 0, graphs = 0, faults = 0;
  double elapsed_ns = 0;  ///< 1000 per kernel that has run
};
FakeGpuState& fake_gpu();
void reset_fake_gpu();

float bf16_at(cuda::Address address, std::size_t element);
float fp32_at(cuda::Address address, std::size_t element);

}  // namespace bigmac::test
