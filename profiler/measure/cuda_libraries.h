// libcuda, libcublasLt and libnvrtc, found at run time. Each throws Error{bad_input} naming what is missing and what
// was tried.
#pragma once

#include <string>

#include "cuda_abi.h"

namespace bigmac::cuda {

Driver load_driver();
BlasLt load_blas();
Nvrtc load_nvrtc();

/// PTX of `source` for the newest architecture that NVRTC knows up to `capability` (90 for Hopper). Throws
/// Error{bad_input} with the compiler's log.
std::string compile_to_ptx(const Nvrtc& nvrtc, const char* source, int capability);

}  // namespace bigmac::cuda
