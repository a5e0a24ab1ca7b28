#include "cuda_libraries.h"

#include <dlfcn.h>

#include <algorithm>
#include <vector>

#include "bigmac/base/error.h"

namespace bigmac::cuda {
namespace {

class Library {
 public:
  Library(const char* what, const std::vector<std::string>& names) : what_(what) {
    for (const std::string folder : {"", "/usr/local/cuda/lib64/"})
      for (const std::string& name : names)
        if (handle_ == nullptr) handle_ = dlopen((folder + name).c_str(), RTLD_NOW | RTLD_LOCAL);
    std::string tried;
    for (const std::string& name : names) tried += (tried.empty() ? "" : ", ") + name;
    if (handle_ == nullptr)
      bad_input("GPU", std::string("expected ") + what + " (" + tried + "), which cannot be loaded");
  }

  template <class Function>
  void find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(dlsym(handle_, name));
    if (function == nullptr)
      bad_input("GPU", std::string(what_) + " has no function " + name + "; expected that of CUDA 12 or newer");
  }

 private:
  const char* what_;
  void* handle_ = nullptr;  // stays open: CUDA's libraries do not unload well
};

std::vector<int> known_architectures(const Nvrtc& nvrtc) {
  int count = 0;
  nvrtc.architectures_count(&count);
  std::vector<int> out(static_cast<std::size_t>(std::max(0, count)));
  if (count > 0) nvrtc.architectures(out.data());
  return out;
}

std::string log_of(const Nvrtc& nvrtc, Handle program) {
  std::size_t bytes = 0;
  nvrtc.log_size(program, &bytes);
  std::string log(bytes, '\0');
  if (bytes > 0) nvrtc.log(program, log.data());
  return log.c_str();
}

}  // namespace

Driver load_driver() {
  const Library library("NVIDIA's driver", {"libcuda.so.1"});
  Driver d{};
  library.find("cuInit", d.init);
  library.find("cuDriverGetVersion", d.driver_version);
  library.find("cuDeviceGetCount", d.device_count);
  library.find("cuDeviceGet", d.device_get);
  library.find("cuDeviceGetName", d.device_name);
  library.find("cuDeviceGetAttribute", d.device_attribute);
  library.find("cuDevicePrimaryCtxRetain", d.context_retain);
  library.find("cuCtxSetCurrent", d.context_set);
  library.find("cuMemGetInfo_v2", d.memory_info);
  library.find("cuMemAlloc_v2", d.allocate);
  library.find("cuMemFree_v2", d.release);
  library.find("cuStreamCreate", d.stream_create);
  library.find("cuStreamSynchronize", d.stream_wait);
  library.find("cuEventCreate", d.event_create);
  library.find("cuEventRecord", d.event_record);
  library.find("cuEventSynchronize", d.event_wait);
  library.find("cuEventElapsedTime", d.event_elapsed);
  library.find("cuStreamBeginCapture_v2", d.capture_begin);
  library.find("cuStreamEndCapture", d.capture_end);
  library.find("cuGraphInstantiateWithFlags", d.graph_instantiate);
  library.find("cuGraphLaunch", d.graph_launch);
  library.find("cuGraphDestroy", d.graph_destroy);
  library.find("cuGraphExecDestroy", d.executable_destroy);
  library.find("cuModuleLoadData", d.module_load);
  library.find("cuModuleGetFunction", d.module_function);
  library.find("cuLaunchKernel", d.launch);
  library.find("cuGetErrorName", d.error_name);
  return d;
}

BlasLt load_blas() {
  const Library library("cuBLASLt", {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"});
  BlasLt b{};
  library.find("cublasLtCreate", b.create);
  library.find("cublasLtGetVersion", b.version);
  library.find("cublasLtMatmulDescCreate", b.operation_create);
  library.find("cublasLtMatmulDescSetAttribute", b.operation_set);
  library.find("cublasLtMatmulDescDestroy", b.operation_destroy);
  library.find("cublasLtMatrixLayoutCreate", b.layout_create);
  library.find("cublasLtMatrixLayoutSetAttribute", b.layout_set);
  library.find("cublasLtMatrixLayoutDestroy", b.layout_destroy);
  library.find("cublasLtMatmulPreferenceCreate", b.preference_create);
  library.find("cublasLtMatmulPreferenceSetAttribute", b.preference_set);
  library.find("cublasLtMatmulPreferenceDestroy", b.preference_destroy);
  library.find("cublasLtMatmulAlgoGetHeuristic", b.heuristic);
  library.find("cublasLtMatmul", b.multiply);
  return b;
}

Nvrtc load_nvrtc() {
  const Library library("NVRTC", {"libnvrtc.so.13", "libnvrtc.so.12", "libnvrtc.so"});
  Nvrtc n{};
  library.find("nvrtcVersion", n.version);
  library.find("nvrtcGetNumSupportedArchs", n.architectures_count);
  library.find("nvrtcGetSupportedArchs", n.architectures);
  library.find("nvrtcCreateProgram", n.create);
  library.find("nvrtcCompileProgram", n.compile);
  library.find("nvrtcGetProgramLogSize", n.log_size);
  library.find("nvrtcGetProgramLog", n.log);
  library.find("nvrtcGetPTXSize", n.ptx_size);
  library.find("nvrtcGetPTX", n.ptx);
  library.find("nvrtcDestroyProgram", n.destroy);
  return n;
}

std::string compile_to_ptx(const Nvrtc& nvrtc, const char* source, int capability) {
  int best = 0;
  for (const int architecture : known_architectures(nvrtc))
    if (architecture <= capability) best = std::max(best, architecture);
  if (best == 0) bad_input("GPU", "NVRTC knows no architecture up to compute capability " + std::to_string(capability));
  const std::string option = "--gpu-architecture=compute_" + std::to_string(best);
  const char* options[] = {option.c_str(), "--std=c++17"};
  Handle program = nullptr;
  if (nvrtc.create(&program, source, "bigmac.cu", 0, nullptr, nullptr) != 0) bad_input("GPU", "NVRTC makes no program");
  const bool compiled = nvrtc.compile(program, 2, options) == 0;
  const std::string log = compiled ? "" : log_of(nvrtc, program);
  std::string ptx;
  std::size_t bytes = 0;
  if (compiled && nvrtc.ptx_size(program, &bytes) == 0) {
    ptx.resize(bytes);
    nvrtc.ptx(program, ptx.data());
  }
  nvrtc.destroy(&program);
  if (ptx.empty()) bad_input("GPU", "NVRTC cannot compile the project's kernels for " + option + ": " + log);
  return ptx;
}

}  // namespace bigmac::cuda
