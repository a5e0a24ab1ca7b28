// A libcuda.so.1 for machines without a driver: cuInit loads what CUDA_INJECTION64_PATH names and calls
// InitializeInjection, as the driver does; launches go to the fake CUPTI that the recorder has loaded
// (BIGMAC_CUPTI_LIBRARY).
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace {

std::uint32_t thread() { return static_cast<std::uint32_t>(syscall(SYS_gettid)); }

template <class... Args>
int tell_cupti(const char* name, Args... args) {
  const char* path = std::getenv("BIGMAC_CUPTI_LIBRARY");
  void* cupti = path == nullptr || *path == 0 ? nullptr : dlopen(path, RTLD_NOW | RTLD_NOLOAD);
  if (cupti == nullptr) return 0;
  if (const auto function = reinterpret_cast<void (*)(Args...)>(dlsym(cupti, name))) function(args...);
  return 0;
}

}  // namespace

extern "C" {

int cuInit(unsigned) {
  static const bool once = [] {
    const char* path = std::getenv("CUDA_INJECTION64_PATH");
    void* tool = path == nullptr ? nullptr : dlopen(path, RTLD_LAZY);
    const auto init = tool == nullptr ? nullptr : reinterpret_cast<int (*)()>(dlsym(tool, "InitializeInjection"));
    return init == nullptr || init() == 1;
  }();
  return once ? 0 : 3;
}
int cuDriverGetVersion(int* version) { return *version = 13000, 0; }
int cuDeviceGetCount(int* count) { return *count = 1, 0; }
int cuCtxSynchronize() { return 0; }
int cuDevicePrimaryCtxGetState(int, unsigned*, int* active) { return *active = 0, 0; }

int fakeLaunch(const char* name, int number) { return tell_cupti("fakeCuptiLaunch", name, number, thread()); }
int fakeGraph() { return tell_cupti("fakeCuptiGraph", thread()); }
int fakeMemory() { return tell_cupti("fakeCuptiMemory", thread()); }

}  // extern "C"
