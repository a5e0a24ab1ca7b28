#include "cuda_kernels.h"

namespace bigmac::cuda {

// RMS norm (Zhang and Sennrich 2019): y = x w / r, r = sqrt(mean x^2 + eps). Its gradient: dx = (w dy - xh mean(w dy
// xh)) / r, xh = x / r. Softmax's gradient: ds = p (dp - sum p dp).
const char* kernel_source() {
  return R"cuda(
typedef unsigned short bf16;
typedef unsigned int u32;
typedef unsigned long long u64;

__device__ __forceinline__ float value(bf16 bits) { return __uint_as_float((u32)bits << 16); }
__device__ __forceinline__ bf16 bits(float v) {
  const u32 u = __float_as_uint(v);
  return (bf16)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
__device__ __forceinline__ float low(u32 pair) { return __uint_as_float(pair << 16); }
__device__ __forceinline__ float high(u32 pair) { return __uint_as_float(pair & 0xffff0000u); }
__device__ __forceinline__ u32 pair(float a, float b) { return (u32)bits(a) | (u32)bits(b) << 16; }
__device__ __forceinline__ u32 add(u32 a, u32 b) { return pair(low(a) + low(b), high(a) + high(b)); }

__device__ float block_sum(float v) {
  __shared__ float part[32];
  for (int away = 16; away > 0; away >>= 1) v += __shfl_down_sync(0xffffffffu, v, away);
  __syncthreads();
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < (int)(blockDim.x >> 5); ++i) sum += part[i];
  return sum;
}

__device__ float block_max(float v) {
  __shared__ float part[32];
  for (int away = 16; away > 0; away >>= 1) v = fmaxf(v, __shfl_down_sync(0xffffffffu, v, away));
  __syncthreads();
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = v;
  __syncthreads();
  float most = part[0];
  for (int i = 1; i < (int)(blockDim.x >> 5); ++i) most = fmaxf(most, part[i]);
  return most;
}

extern "C" __global__ void fill(bf16* x, u64 n, u32 seed) {
  for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {
    u64 z = i * 0x9E3779B97F4A7C15ull + seed;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    const float sum = (float)((z & 0xffff) + ((z >> 16) & 0xffff) + ((z >> 32) & 0xffff) + (z >> 48));
    x[i] = bits((sum * (1.0f / 65536.0f) - 2.0f) * 1.7320508f);
  }
}

extern "C" __global__ void stream(uint4* z, const uint4* x, const uint4* y, u64 n) {
  for (u64 i = blockIdx.x * (u64)blockDim.x + threadIdx.x; i < n; i += (u64)gridDim.x * blockDim.x) {
    const uint4 a = x[i], b = y[i];
    z[i] = make_uint4(add(a.x, b.x), add(a.y, b.y), add(a.z, b.z), add(a.w, b.w));
  }
}

extern "C" __global__ void norm_forward(bf16* y, const bf16* x, const bf16* w, u32 width) {
  x += (u64)blockIdx.x * width;
  y += (u64)blockIdx.x * width;
  float squares = 0;
  for (u32 i = threadIdx.x; i < width; i += blockDim.x) squares += value(x[i]) * value(x[i]);
  const float scale = rsqrtf(block_sum(squares) / (float)width + 1e-6f);
  for (u32 i = threadIdx.x; i < width; i += blockDim.x) y[i] = bits(value(x[i]) * scale * value(w[i]));
}

extern "C" __global__ void norm_backward(bf16* dx, const bf16* x, const bf16* dy, const bf16* w, u32 width) {
  x += (u64)blockIdx.x * width;
  dy += (u64)blockIdx.x * width;
  dx += (u64)blockIdx.x * width;
  float squares = 0, products = 0;
  for (u32 i = threadIdx.x; i < width; i += blockDim.x) {
    const float v = value(x[i]);
    squares += v * v;
    products += v * value(dy[i]) * value(w[i]);
  }
  const float scale = rsqrtf(block_sum(squares) / (float)width + 1e-6f);
  const float shared_part = block_sum(products) * scale * scale / (float)width;
  for (u32 i = threadIdx.x; i < width; i += blockDim.x)
    dx[i] = bits((value(dy[i]) * value(w[i]) - value(x[i]) * shared_part) * scale);
}

extern "C" __global__ void softmax_forward(bf16* s, u32 n, u32 m, int causal) {
  s += (u64)blockIdx.x * n;
  const int last = causal ? (int)(blockIdx.x % m) + (int)n - (int)m : (int)n - 1;
  float most = -3.4e38f;
  for (int i = threadIdx.x; i <= last; i += blockDim.x) most = fmaxf(most, value(s[i]));
  most = block_max(most);
  float sum = 0;
  for (int i = threadIdx.x; i <= last; i += blockDim.x) sum += __expf(value(s[i]) - most);
  sum = block_sum(sum);
  for (int i = threadIdx.x; i < (int)n; i += blockDim.x) s[i] = i <= last ? bits(__expf(value(s[i]) - most) / sum) : (bf16)0;
}

extern "C" __global__ void softmax_backward(bf16* ds, const bf16* p, u32 n) {
  ds += (u64)blockIdx.x * n;
  p += (u64)blockIdx.x * n;
  float products = 0;
  for (u32 i = threadIdx.x; i < n; i += blockDim.x) products += value(p[i]) * value(ds[i]);
  products = block_sum(products);
  for (u32 i = threadIdx.x; i < n; i += blockDim.x) ds[i] = bits(value(p[i]) * (value(ds[i]) - products));
}
)cuda";
}

}  // namespace bigmac::cuda
