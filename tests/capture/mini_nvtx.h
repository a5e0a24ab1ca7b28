// A small client of NVTX 3's injection protocol, for tests where NVTX's own headers are not installed: the same
// functions, the same way of finding a tool (load NVTX_INJECTION64_PATH at the first call, hand
// InitializeInjectionNvtx2 an export table, call through slots). Shares no code with profiler/capture/nvtx_abi.h, so
// that a wrong number there does not hide.
#pragma once

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <mutex>

typedef uint64_t nvtxRangeId_t;
typedef void* nvtxDomainHandle_t;
typedef void* nvtxStringHandle_t;
struct nvtxEventAttributes_t {
  uint16_t version, size;
  uint32_t category;
  int32_t colorType;
  uint32_t color;
  int32_t payloadType, reserved0;
  union {
    uint64_t ullValue;
    int64_t llValue;
    double dValue;
  } payload;
  int32_t messageType;
  union {
    const char* ascii;
    const wchar_t* unicode;
    void* registered;
  } message;
};
#define NVTX_VERSION 3
#define NVTX_EVENT_ATTRIB_STRUCT_SIZE ((uint16_t)sizeof(nvtxEventAttributes_t))
#define NVTX_MESSAGE_TYPE_ASCII 1
#define NVTX_MESSAGE_TYPE_UNICODE 2
#define NVTX_MESSAGE_TYPE_REGISTERED 3
#define NVTX_PAYLOAD_TYPE_INT64 2
#define NVTX_PAYLOAD_TYPE_DOUBLE 3

namespace mini_nvtx {

using Slot = void (*)();
inline Slot core[16], core2[16];
inline Slot* core_table[17];
inline Slot* core2_table[17];

inline int module_table(int module, Slot*** table, unsigned* size) {
  if (module != 1 && module != 5) return 0;
  if (table != nullptr) *table = module == 1 ? core_table : core2_table;
  if (size != nullptr) *size = 16;
  return 1;
}
struct Callbacks {
  size_t struct_size;
  int (*get_module_function_table)(int, Slot***, unsigned*);
};
inline const void* export_table(uint32_t id) {
  static const Callbacks callbacks = {sizeof(Callbacks), module_table};
  return id == 1 ? &callbacks : nullptr;
}

inline void attach() {
  static std::once_flag once;
  std::call_once(once, [] {
    for (int i = 1; i < 16; ++i) core_table[i] = &core[i], core2_table[i] = &core2[i];
    const char* path = getenv("NVTX_INJECTION64_PATH");
    void* tool = path == nullptr ? nullptr : dlopen(path, RTLD_LAZY);
    if (tool == nullptr) return;
    using Init = int (*)(const void* (*)(uint32_t));
    const auto init = reinterpret_cast<Init>(dlsym(tool, "InitializeInjectionNvtx2"));
    if (init == nullptr || init(export_table) == 0) {
      for (Slot& slot : core) slot = nullptr;
      for (Slot& slot : core2) slot = nullptr;
      dlclose(tool);
    }
  });
}

template <class Result, class... Args>
Result call(Slot* slots, int id, Result otherwise, Args... args) {
  attach();
  return slots[id] == nullptr ? otherwise : reinterpret_cast<Result (*)(Args...)>(slots[id])(args...);
}
template <class... Args>
void act(Slot* slots, int id, Args... args) {
  attach();
  if (slots[id] != nullptr) reinterpret_cast<void (*)(Args...)>(slots[id])(args...);
}

}  // namespace mini_nvtx

inline void nvtxMarkA(const char* m) { mini_nvtx::act(mini_nvtx::core, 2, m); }
inline void nvtxMarkEx(const nvtxEventAttributes_t* a) { mini_nvtx::act(mini_nvtx::core, 1, a); }
inline nvtxRangeId_t nvtxRangeStartA(const char* m) { return mini_nvtx::call(mini_nvtx::core, 5, nvtxRangeId_t{0}, m); }
inline void nvtxRangeEnd(nvtxRangeId_t id) { mini_nvtx::act(mini_nvtx::core, 7, id); }
inline int nvtxRangePushEx(const nvtxEventAttributes_t* a) { return mini_nvtx::call(mini_nvtx::core, 8, -2, a); }
inline int nvtxRangePushA(const char* m) { return mini_nvtx::call(mini_nvtx::core, 9, -2, m); }
inline int nvtxRangePushW(const wchar_t* m) { return mini_nvtx::call(mini_nvtx::core, 10, -2, m); }
inline int nvtxRangePop() { return mini_nvtx::call(mini_nvtx::core, 11, -2); }
inline void nvtxNameOsThreadA(uint32_t t, const char* n) { mini_nvtx::act(mini_nvtx::core, 14, t, n); }
inline int nvtxDomainRangePushEx(nvtxDomainHandle_t d, const nvtxEventAttributes_t* a) {
  return mini_nvtx::call(mini_nvtx::core2, 4, -2, d, a);
}
inline int nvtxDomainRangePop(nvtxDomainHandle_t d) { return mini_nvtx::call(mini_nvtx::core2, 5, -2, d); }
inline nvtxStringHandle_t nvtxDomainRegisterStringA(nvtxDomainHandle_t d, const char* s) {
  return mini_nvtx::call(mini_nvtx::core2, 10, nvtxStringHandle_t{nullptr}, d, s);
}
inline nvtxDomainHandle_t nvtxDomainCreateA(const char* n) {
  return mini_nvtx::call(mini_nvtx::core2, 12, nvtxDomainHandle_t{nullptr}, n);
}
inline void nvtxDomainDestroy(nvtxDomainHandle_t d) { mini_nvtx::act(mini_nvtx::core2, 14, d); }
