// The part of the CUDA driver's, cuBLASLt's and NVRTC's binary interfaces that measuring uses, declared by ourselves:
// the project builds without CUDA and finds these libraries at run time.
//
// Facts of cuda.h, cublasLt.h, cublas_api.h, library_types.h and nvrtc.h of CUDA 13.0; tests/abi/cuda_abi_check.cpp
// holds them against the real headers where these are installed. Handles are pointers; result codes are ints, 0 is
// success in all three.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bigmac::cuda {

using Address = std::uint64_t;  // CUdeviceptr
using Handle =
    void*;  // CUcontext, CUstream, CUevent, CUmodule, CUfunction, CUgraph, CUgraphExec, cublasLt*, nvrtcProgram

inline constexpr int kMultiprocessors = 16, kL2Bytes = 38, kMajor = 75, kMinor = 76;  // CUdevice_attribute
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr int kCaptureThreadLocal = 1;  // CU_STREAM_CAPTURE_MODE_THREAD_LOCAL

struct Driver {
  int (*init)(unsigned flags);
  int (*driver_version)(int* version);
  int (*device_count)(int* count);
  int (*device_get)(int* device, int ordinal);
  int (*device_name)(char* name, int length, int device);
  int (*device_attribute)(int* value, int attribute, int device);
  int (*context_retain)(Handle* context, int device);
  int (*context_set)(Handle context);
  int (*memory_info)(std::size_t* free, std::size_t* total);
  int (*allocate)(Address* address, std::size_t bytes);
  int (*release)(Address address);
  int (*stream_create)(Handle* stream, unsigned flags);
  int (*stream_wait)(Handle stream);
  int (*event_create)(Handle* event, unsigned flags);
  int (*event_record)(Handle event, Handle stream);
  int (*event_wait)(Handle event);
  int (*event_elapsed)(float* milliseconds, Handle start, Handle end);
  int (*capture_begin)(Handle stream, int mode);
  int (*capture_end)(Handle stream, Handle* graph);
  int (*graph_instantiate)(Handle* executable, Handle graph, unsigned long long flags);
  int (*graph_launch)(Handle executable, Handle stream);
  int (*graph_destroy)(Handle graph);
  int (*executable_destroy)(Handle executable);
  int (*module_load)(Handle* module, const void* image);
  int (*module_function)(Handle* function, Handle module, const char* name);
  int (*launch)(Handle function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                unsigned shared, Handle stream, void** parameters, void** extra);
  int (*error_name)(int result, const char** name);
};

inline constexpr int kCompute32F = 68, kBf16 = 14, kFp32 = 0;  // cublasComputeType_t, cudaDataType_t
inline constexpr int kTransposeA = 3, kTransposeB = 4;         // cublasLtMatmulDescAttributes_t
inline constexpr int kBatchCount = 5, kBatchStride = 6;        // cublasLtMatrixLayoutAttribute_t
inline constexpr int kMostWorkspace = 1;                       // cublasLtMatmulPreferenceAttributes_t
inline constexpr std::int32_t kPlain = 0, kTransposed = 1;     // cublasOperation_t

struct Algorithm {  // cublasLtMatmulAlgo_t
  std::uint64_t data[8];
};
struct Heuristic {  // cublasLtMatmulHeuristicResult_t
  Algorithm algorithm;
  std::size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

struct BlasLt {
  int (*create)(Handle* handle);
  std::size_t (*version)();
  int (*operation_create)(Handle* operation, int compute, int scale_type);
  int (*operation_set)(Handle operation, int attribute, const void* value, std::size_t bytes);
  int (*operation_destroy)(Handle operation);
  int (*layout_create)(Handle* layout, int type, std::uint64_t rows, std::uint64_t columns, std::int64_t leading);
  int (*layout_set)(Handle layout, int attribute, const void* value, std::size_t bytes);
  int (*layout_destroy)(Handle layout);
  int (*preference_create)(Handle* preference);
  int (*preference_set)(Handle preference, int attribute, const void* value, std::size_t bytes);
  int (*preference_destroy)(Handle preference);
  int (*heuristic)(Handle handle, Handle operation, Handle a, Handle b, Handle c, Handle d, Handle preference,
                   int wanted, Heuristic* results, int* found);
  int (*multiply)(Handle handle, Handle operation, const void* alpha, Address a, Handle a_layout, Address b,
                  Handle b_layout, const void* beta, Address c, Handle c_layout, Address d, Handle d_layout,
                  const Algorithm* algorithm, Address workspace, std::size_t workspace_bytes, Handle stream);
};

struct Nvrtc {
  int (*version)(int* major, int* minor);
  int (*architectures_count)(int* count);
  int (*architectures)(int* list);
  int (*create)(Handle* program, const char* source, const char* name, int headers, const char* const* texts,
                const char* const* names);
  int (*compile)(Handle program, int options, const char* const* texts);
  int (*log_size)(Handle program, std::size_t* bytes);
  int (*log)(Handle program, char* text);
  int (*ptx_size)(Handle program, std::size_t* bytes);
  int (*ptx)(Handle program, char* text);
  int (*destroy)(Handle* program);
};

}  // namespace bigmac::cuda
