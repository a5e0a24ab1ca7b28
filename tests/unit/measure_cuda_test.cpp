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

// Descriptors are made on the host: the real library takes ours, and refuses what is wrong, without a GPU.
TEST(MeasureCuda, TheRealCublasTakesOurDescriptors) {
  cuda::BlasLt blas{};
  try {
    blas = cuda::load_blas();
  } catch (const Error& error) {
    GTEST_SKIP() << "no cuBLASLt on this machine: " << error.what();
  }
  EXPECT_GE(blas.version(), 120000u);
  cuda::Handle operation = nullptr, layout = nullptr, preference = nullptr;
  ASSERT_EQ(blas.operation_create(&operation, cuda::kCompute32F, cuda::kFp32), 0);
  const std::int32_t transposed = cuda::kTransposed, count = 2;
  for (const int attribute : {cuda::kTransposeA, cuda::kTransposeB})
    EXPECT_EQ(blas.operation_set(operation, attribute, &transposed, sizeof transposed), 0);
  EXPECT_NE(blas.operation_set(operation, cuda::kTransposeA, &transposed, 1), 0);
  const std::int64_t stride = 128 * 64;
  ASSERT_EQ(blas.layout_create(&layout, cuda::kBf16, 128, 64, 128), 0);
  EXPECT_EQ(blas.layout_set(layout, cuda::kBatchCount, &count, sizeof count), 0);
  EXPECT_EQ(blas.layout_set(layout, cuda::kBatchStride, &stride, sizeof stride), 0);
  EXPECT_NE(blas.layout_set(layout, cuda::kBatchStride, &stride, 4), 0);
  const std::size_t workspace = std::size_t{64} << 20;
  ASSERT_EQ(blas.preference_create(&preference), 0);
  EXPECT_EQ(blas.preference_set(preference, cuda::kMostWorkspace, &workspace, sizeof workspace), 0);
  EXPECT_EQ(blas.preference_destroy(preference), 0);
  EXPECT_EQ(blas.layout_destroy(layout), 0);
  EXPECT_EQ(blas.operation_destroy(operation), 0);
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
