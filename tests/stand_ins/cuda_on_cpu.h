// Enough of CUDA C++ to run the measurement's kernels on the CPU, a thread per CUDA thread, one block after another.
#pragma once

#include <barrier>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

#define __device__
#define __global__
#define __forceinline__ inline
#define __shared__ static  // one block runs at a time

struct Dim {
  unsigned x = 0;
};
inline thread_local Dim threadIdx, blockIdx;
inline Dim blockDim, gridDim;
struct uint4 {
  unsigned x, y, z, w;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
inline float __uint_as_float(unsigned bits) { return std::bit_cast<float>(bits); }
inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float rsqrtf(float value) { return 1 / std::sqrt(value); }
inline float __expf(float value) { return std::exp(value); }

inline std::barrier<>* block_barrier = nullptr;
inline float lanes[1024];
inline void __syncthreads() { block_barrier->arrive_and_wait(); }
/// All threads of the block come here together, as the kernels' reductions do.
inline float __shfl_down_sync(unsigned, float value, int away) {
  lanes[threadIdx.x] = value;
  __syncthreads();
  const unsigned from = threadIdx.x + static_cast<unsigned>(away);
  const float out = from / 32 == threadIdx.x / 32 ? lanes[from] : value;
  __syncthreads();
  return out;
}

inline void launch(unsigned blocks, unsigned threads, const std::function<void()>& kernel) {
  blockDim = {threads}, gridDim = {blocks};
  for (unsigned block = 0; block < blocks; ++block) {
    std::barrier<> barrier(threads);
    block_barrier = &barrier;
    std::vector<std::jthread> workers;
    for (unsigned t = 0; t < threads; ++t)
      workers.emplace_back([&, t] {
        threadIdx = {t}, blockIdx = {block};
        kernel();
      });
  }
}
