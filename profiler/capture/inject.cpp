// The two entry points of libbigmac_inject.so. libcuda calls the one named by CUDA_INJECTION64_PATH at cuInit, each
// copy of NVTX the one named by NVTX_INJECTION64_PATH at its first use; whichever comes first starts the recording.
#include "nvtx_hooks.h"
#include "recorder.h"

#define BIGMAC_ENTRY extern "C" __attribute__((visibility("default")))

BIGMAC_ENTRY int InitializeInjection() {
  try {
    if (auto* recorder = bigmac::capture::Recorder::get()) recorder->start_gpu();
  } catch (...) {  // the host goes on without us
  }
  return 1;
}

BIGMAC_ENTRY int InitializeInjectionNvtx2(bigmac::nvtx::GetExportTable get_export_table) {
  try {
    if (get_export_table == nullptr || bigmac::capture::Recorder::get() == nullptr) return 0;
    return bigmac::capture::attach_to_nvtx(get_export_table) ? 1 : 0;
  } catch (...) {
    return 0;
  }
}
