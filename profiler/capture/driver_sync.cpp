#include "driver_sync.h"

#include "cupti_library.h"

namespace bigmac::capture {
namespace {

// CUDA driver API: CUresult and CUdevice are ints, CUcontext is a pointer (cuda.h).
template <class... Args>
bool call(const char* name, Args... args) {
  const auto function = reinterpret_cast<int (*)(Args...)>(driver_function(name));
  return function != nullptr && function(args...) == 0;
}

/// The primary context is what the runtime, and so every framework, uses. Retaining an active one makes no new one.
void wait_for(int device) {
  unsigned flags = 0;
  int active = 0;
  void *context = nullptr, *popped = nullptr;
  if (!call("cuDevicePrimaryCtxGetState", device, &flags, &active) || active == 0) return;
  if (!call("cuDevicePrimaryCtxRetain", &context, device)) return;
  if (call("cuCtxPushCurrent_v2", context)) {
    call("cuCtxSynchronize");
    call("cuCtxPopCurrent_v2", &popped);
  }
  call("cuDevicePrimaryCtxRelease_v2", device);
}

}  // namespace

void wait_for_devices() noexcept {
  int devices = 0;
  call("cuCtxSynchronize");  // of a context that the program made itself
  if (!call("cuDeviceGetCount", &devices)) return;
  for (int device = 0; device < devices; ++device) wait_for(device);
}

int driver_version() noexcept {
  int version = 0;
  call("cuDriverGetVersion", &version);
  return version;
}

}  // namespace bigmac::capture
