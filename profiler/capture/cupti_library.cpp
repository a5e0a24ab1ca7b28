#include "cupti_library.h"

#include <dlfcn.h>

#include <array>

namespace bigmac::capture {
namespace {

constexpr std::array<const char*, 4> kNames = {"libcupti.so.13", "libcupti.so.12", "libcupti.so.11", "libcupti.so"};
constexpr std::array<const char*, 3> kFolders = {"", "/usr/local/cuda/lib64/", "/usr/local/cuda/extras/CUPTI/lib64/"};

void* open_library(const std::string& preferred, std::string& path) {
  const auto attempt = [&](const std::string& name, int flags) {
    void* handle = dlopen(name.c_str(), flags);
    if (handle != nullptr) path = name;
    return handle;
  };
  if (!preferred.empty()) return attempt(preferred, RTLD_NOW | RTLD_LOCAL);
  for (const char* name : kNames)
    if (void* handle = attempt(name, RTLD_NOW | RTLD_NOLOAD)) return handle;
  for (const char* folder : kFolders)
    for (const char* name : kNames)
      if (void* handle = attempt(std::string(folder) + name, RTLD_NOW | RTLD_LOCAL)) return handle;
  return nullptr;
}

template <class Function>
void find(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(handle, name));
}

}  // namespace

CuptiLibrary load_cupti(const std::string& preferred) {
  CuptiLibrary library;
  void* handle = open_library(preferred, library.path);
  if (handle == nullptr) return library;
  find(handle, "cuptiGetVersion", library.get_version);
  find(handle, "cuptiSubscribe", library.subscribe);
  find(handle, "cuptiSubscribe_v2", library.subscribe_v2);
  find(handle, "cuptiUnsubscribe", library.unsubscribe);
  find(handle, "cuptiEnableCallback", library.enable_callback);
  find(handle, "cuptiGetCallbackName", library.callback_name);
  find(handle, "cuptiActivityRegisterCallbacks", library.register_callbacks);
  find(handle, "cuptiActivityRegisterTimestampCallback", library.register_timestamp);
  find(handle, "cuptiGetTimestamp", library.get_timestamp);
  find(handle, "cuptiSetThreadIdType", library.set_thread_id_type);
  find(handle, "cuptiActivityEnable", library.enable);
  find(handle, "cuptiActivityDisable", library.disable);
  find(handle, "cuptiActivityEnableRuntimeApi", library.enable_runtime_api);
  find(handle, "cuptiActivityEnableDriverApi", library.enable_driver_api);
  find(handle, "cuptiActivityFlushAll", library.flush_all);
  find(handle, "cuptiActivityGetNumDroppedRecords", library.dropped_records);
  find(handle, "cuptiGetGraphNodeId", library.graph_node_id);
  find(handle, "cuptiGetResultString", library.result_string);
  find(handle, "cuptiActivityGetNextRecord", library.next_record);
  return library;
}

std::string CuptiLibrary::explain(cupti::Result result) const {
  const char* text = nullptr;
  std::string out = "error " + std::to_string(result);
  if (result_string != nullptr && result_string(result, &text) == cupti::kSuccess && text != nullptr)
    out += std::string(" (") + text + ")";
  return out;
}

void* driver_function(const char* name) {
  for (const char* library : {"libcuda.so.1", "libcuda.so"})
    if (void* handle = dlopen(library, RTLD_NOW | RTLD_NOLOAD)) {
      void* function = dlsym(handle, name);
      dlclose(handle);  // the process holds it; this gives back only our count
      return function;
    }
  return nullptr;
}

}  // namespace bigmac::capture
