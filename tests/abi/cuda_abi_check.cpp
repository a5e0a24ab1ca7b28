// Compiled, never run, where CUDA's headers are installed: profiler/measure/cuda_abi.h says what they say.
#include <cublasLt.h>
#include <cuda.h>
#include <nvrtc.h>

#include <type_traits>

#include "profiler/measure/cuda_abi.h"

namespace bigmac::cuda {

#define BIGMAC_SAME(ours, theirs) static_assert(static_cast<long>(ours) == static_cast<long>(theirs), #theirs)
BIGMAC_SAME(kMultiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
BIGMAC_SAME(kL2Bytes, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
BIGMAC_SAME(kMajor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
BIGMAC_SAME(kMinor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
BIGMAC_SAME(kStreamNonBlocking, CU_STREAM_NON_BLOCKING);
BIGMAC_SAME(kCaptureThreadLocal, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
BIGMAC_SAME(kCompute32F, CUBLAS_COMPUTE_32F);
BIGMAC_SAME(kBf16, CUDA_R_16BF);
BIGMAC_SAME(kFp32, CUDA_R_32F);
BIGMAC_SAME(kTransposeA, CUBLASLT_MATMUL_DESC_TRANSA);
BIGMAC_SAME(kTransposeB, CUBLASLT_MATMUL_DESC_TRANSB);
BIGMAC_SAME(kBatchCount, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT);
BIGMAC_SAME(kBatchStride, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET);
BIGMAC_SAME(kMostWorkspace, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES);
BIGMAC_SAME(kPlain, CUBLAS_OP_N);
BIGMAC_SAME(kTransposed, CUBLAS_OP_T);
BIGMAC_SAME(sizeof(Algorithm), sizeof(cublasLtMatmulAlgo_t));
BIGMAC_SAME(sizeof(Heuristic), sizeof(cublasLtMatmulHeuristicResult_t));
BIGMAC_SAME(offsetof(Heuristic, workspace), offsetof(cublasLtMatmulHeuristicResult_t, workspaceSize));
BIGMAC_SAME(offsetof(Heuristic, state), offsetof(cublasLtMatmulHeuristicResult_t, state));
BIGMAC_SAME(sizeof(Address), sizeof(CUdeviceptr));

/// As many parameters, each of the same size and class (integer or pointer, floating point), and an int-sized result.
template <class Ours, class Theirs>
struct Alike;
template <class OurResult, class... Ours, class TheirResult, class... Theirs>
struct Alike<OurResult (*)(Ours...), TheirResult(Theirs...)> {
  template <class A, class B>
  static constexpr bool one = sizeof(A) == sizeof(B) && std::is_floating_point_v<A> == std::is_floating_point_v<B>;
  static constexpr bool value = [] {
    if constexpr (sizeof...(Ours) != sizeof...(Theirs)) return false;
    else return (one<Ours, Theirs> && ...) && sizeof(OurResult) == sizeof(TheirResult);
  }();
};
#define BIGMAC_ALIKE(Table, member, theirs) \
  static_assert(Alike<decltype(Table::member), decltype(theirs)>::value, #theirs)
BIGMAC_ALIKE(Driver, init, cuInit);
BIGMAC_ALIKE(Driver, driver_version, cuDriverGetVersion);
BIGMAC_ALIKE(Driver, device_count, cuDeviceGetCount);
BIGMAC_ALIKE(Driver, device_get, cuDeviceGet);
BIGMAC_ALIKE(Driver, device_name, cuDeviceGetName);
BIGMAC_ALIKE(Driver, device_attribute, cuDeviceGetAttribute);
BIGMAC_ALIKE(Driver, context_retain, cuDevicePrimaryCtxRetain);
BIGMAC_ALIKE(Driver, context_set, cuCtxSetCurrent);
BIGMAC_ALIKE(Driver, memory_info, cuMemGetInfo);
BIGMAC_ALIKE(Driver, allocate, cuMemAlloc);
BIGMAC_ALIKE(Driver, release, cuMemFree);
BIGMAC_ALIKE(Driver, stream_create, cuStreamCreate);
BIGMAC_ALIKE(Driver, stream_wait, cuStreamSynchronize);
BIGMAC_ALIKE(Driver, event_create, cuEventCreate);
BIGMAC_ALIKE(Driver, event_record, cuEventRecord);
BIGMAC_ALIKE(Driver, event_wait, cuEventSynchronize);
BIGMAC_ALIKE(Driver, event_elapsed, cuEventElapsedTime);
BIGMAC_ALIKE(Driver, capture_begin, cuStreamBeginCapture);
BIGMAC_ALIKE(Driver, capture_end, cuStreamEndCapture);
BIGMAC_ALIKE(Driver, graph_instantiate, cuGraphInstantiateWithFlags);
BIGMAC_ALIKE(Driver, graph_launch, cuGraphLaunch);
BIGMAC_ALIKE(Driver, graph_destroy, cuGraphDestroy);
BIGMAC_ALIKE(Driver, executable_destroy, cuGraphExecDestroy);
BIGMAC_ALIKE(Driver, module_load, cuModuleLoadData);
BIGMAC_ALIKE(Driver, module_function, cuModuleGetFunction);
BIGMAC_ALIKE(Driver, launch, cuLaunchKernel);
BIGMAC_ALIKE(Driver, error_name, cuGetErrorName);
BIGMAC_ALIKE(BlasLt, create, cublasLtCreate);
BIGMAC_ALIKE(BlasLt, version, cublasLtGetVersion);
BIGMAC_ALIKE(BlasLt, operation_create, cublasLtMatmulDescCreate);
BIGMAC_ALIKE(BlasLt, operation_set, cublasLtMatmulDescSetAttribute);
BIGMAC_ALIKE(BlasLt, operation_destroy, cublasLtMatmulDescDestroy);
BIGMAC_ALIKE(BlasLt, layout_create, cublasLtMatrixLayoutCreate);
BIGMAC_ALIKE(BlasLt, layout_set, cublasLtMatrixLayoutSetAttribute);
BIGMAC_ALIKE(BlasLt, layout_destroy, cublasLtMatrixLayoutDestroy);
BIGMAC_ALIKE(BlasLt, preference_create, cublasLtMatmulPreferenceCreate);
BIGMAC_ALIKE(BlasLt, preference_set, cublasLtMatmulPreferenceSetAttribute);
BIGMAC_ALIKE(BlasLt, preference_destroy, cublasLtMatmulPreferenceDestroy);
BIGMAC_ALIKE(BlasLt, heuristic, cublasLtMatmulAlgoGetHeuristic);
BIGMAC_ALIKE(BlasLt, multiply, cublasLtMatmul);
BIGMAC_ALIKE(Nvrtc, version, nvrtcVersion);
BIGMAC_ALIKE(Nvrtc, architectures_count, nvrtcGetNumSupportedArchs);
BIGMAC_ALIKE(Nvrtc, architectures, nvrtcGetSupportedArchs);
BIGMAC_ALIKE(Nvrtc, create, nvrtcCreateProgram);
BIGMAC_ALIKE(Nvrtc, compile, nvrtcCompileProgram);
BIGMAC_ALIKE(Nvrtc, log_size, nvrtcGetProgramLogSize);
BIGMAC_ALIKE(Nvrtc, log, nvrtcGetProgramLog);
BIGMAC_ALIKE(Nvrtc, ptx_size, nvrtcGetPTXSize);
BIGMAC_ALIKE(Nvrtc, ptx, nvrtcGetPTX);
BIGMAC_ALIKE(Nvrtc, destroy, nvrtcDestroyProgram);

}  // namespace bigmac::cuda
