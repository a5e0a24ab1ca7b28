// The GPU behind KernelTimer, over whichever libraries it is given: the real ones, or the tests' stand-ins.
#pragma once

#include "bigmac/profiler/measure.h"
#include "cuda_abi.h"

namespace bigmac::cuda {

/// Throws Error{bad_input} where the device does not do what is asked.
CudaDevice make_device(const Driver& driver, const BlasLt& blas, const Nvrtc& nvrtc, int ordinal);

}  // namespace bigmac::cuda
