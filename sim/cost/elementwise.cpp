// Kernels bound by memory: norms, activations, additions, copies (roofline, Williams 2009).
#include "bigmac/cost/kernels.h"
#include "kernel_parts.h"

namespace bigmac {

double elementwise_us(const Gpu& gpu, double bytes) {
  if (!(bytes > 0)) return 0;
  return gpu.launch_us + per_us(bytes, gpu.hbm_share * gpu.hbm_gbps);
}

}  // namespace bigmac
