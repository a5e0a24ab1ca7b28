// The kernels that are not matrix products, as CUDA C++ for NVRTC: no header is needed, bf16 is handled as its bits.
#pragma once

namespace bigmac::cuda {

/// Functions (extern "C"), sizes in elements unless said otherwise; x, y, z, w: bf16.
///   fill(x, n, seed)                       roughly normal numbers, so that products draw the power that data draws
///   stream(z, x, y, n)                     z = x + y; n vectors of 8
///   norm_forward(y, x, w, width)           RMS norm, one block per row
///   norm_backward(dx, x, dy, w, width)     its input gradient
///   softmax_forward(s, n, m, causal)       in place, one block per row of n; row r of each m sees keys up to r + n - m
///   where causal softmax_backward(ds, p, n)             ds in: dp, out: gradient of the scores
const char* kernel_source();

inline constexpr unsigned kBlock = 256;

}  // namespace bigmac::cuda
