// The part of NVTX 3's injection interface that is used: facts of nvtx3/nvtxDetail/nvtxTypes.h and nvtx3/nvToolsExt.h
// (NVIDIA/NVTX, Apache-2.0 with LLVM exception). tests/abi/nvtx_abi_check.cpp holds them against the headers where
// these are installed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace bigmac::nvtx {

using Function = void (*)();
/// Slots of one module: table[id] points to the place of a function pointer, or is null.
using Table = Function**;

inline constexpr std::uint32_t kCallbacksTable = 1;  // NVTX_ETID_CALLBACKS
enum class Module : std::int32_t { core = 1, core2 = 5 };

struct Callbacks {
  std::size_t struct_size;
  int (*get_module_table)(Module module, Table* table, unsigned* size);
};
using GetExportTable = const void* (*)(std::uint32_t id);

enum Core : unsigned {
  kMarkEx = 1,
  kMarkA,
  kMarkW,
  kRangeStartEx,
  kRangeStartA,
  kRangeStartW,
  kRangeEnd,
  kRangePushEx,
  kRangePushA,
  kRangePushW,
  kRangePop,
  kNameCategoryA,
  kNameCategoryW,
  kNameOsThreadA,
  kNameOsThreadW
};
enum Core2 : unsigned {
  kDomainMarkEx = 1,
  kDomainRangeStartEx,
  kDomainRangeEnd,
  kDomainRangePushEx,
  kDomainRangePop,
  kDomainResourceCreate,
  kDomainResourceDestroy,
  kDomainNameCategoryA,
  kDomainNameCategoryW,
  kDomainRegisterStringA,
  kDomainRegisterStringW,
  kDomainCreateA,
  kDomainCreateW,
  kDomainDestroy,
  kInitialize
};

enum MessageType : std::int32_t { kNoMessage = 0, kAscii = 1, kUnicode = 2, kRegistered = 3 };
enum PayloadType : std::int32_t {
  kNoPayload = 0,
  kUnsigned64 = 1,
  kSigned64 = 2,
  kDouble = 3,
  kUnsigned32 = 4,
  kSigned32 = 5,
  kFloat = 6
};

/// nvtxEventAttributes_v2.
struct Attributes {
  std::uint16_t version, size;
  std::uint32_t category;
  std::int32_t color_type;
  std::uint32_t color;
  std::int32_t payload_type, reserved;
  union {
    std::uint64_t unsigned64;
    std::int64_t signed64;
    double real64;
    std::uint32_t unsigned32;
    std::int32_t signed32;
    float real32;
  } payload;
  std::int32_t message_type;
  union {
    const char* ascii;
    const wchar_t* unicode;
    const void* registered;
  } message;
};

inline constexpr int kNoTracking = -2;  // NVTX_NO_PUSH_POP_TRACKING

}  // namespace bigmac::nvtx
