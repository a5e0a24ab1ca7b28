// The CUDA side as far as it goes without a GPU: our kernels compile for every architecture that NVRTC knows, and what
// is missing is said.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/profiler/measure.h"
#include "profiler/measure/cuda_kernels.h"
#include "profiler/measure/cuda_libraries.h"

namespace bigmac {
namespace {

TEST(MeasureCuda, OurKernelsCompileForAmpereHopperAndBlackwell) {
  cuda::Nvrtc nvrtc{};
  try {
    nvrtc = cuda::load_nvrtc();
  } catch (const Error& error) {
    GTEST_SKIP() << "no NVRTC on this machine: " << error.what();
  }
  for (const int capability : {80, 90, 100}) {
    const std::string ptx = cuda::compile_to_ptx(nvrtc, cuda::kernel_source(), capability);
    for (const char* name : {"fill", "stream", "norm_forward", "norm_backward", "softmax_forward", "softmax_backward"})
      EXPECT_NE(ptx.find(std::string(".entry ") + name + "("), std::string::npos) << name << " for " << capability;
  }
  EXPECT_THROW(cuda::compile_to_ptx(nvrtc, "not CUDA", 90), Error);
  EXPECT_THROW(cuda::compile_to_ptx(nvrtc, cuda::kernel_source(), 10), Error);
}

TEST(MeasureCuda, WithoutADriverItSaysWhatWasExpected) {
  if (void* driver = dlopen("libcuda.so.1", RTLD_NOW)) {
    dlclose(driver);
    GTEST_SKIP() << "this machine has a driver";
  }
  try {
    open_cuda_device(0);
    FAIL() << "opened a device without a driver";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_NE(std::string(error.what()).find("libcuda.so.1"), std::string::npos);
  }
}

}  // namespace
}  // namespace bigmac
