// Compiled, never run, where NVTX's headers are installed: profiler/capture/nvtx_abi.h says what they say.
#include <nvtx3/nvToolsExt.h>

#include "profiler/capture/nvtx_abi.h"

namespace bigmac::nvtx {

#define BIGMAC_SAME(ours, theirs) static_assert(static_cast<long>(ours) == static_cast<long>(theirs), #theirs)
#define BIGMAC_SAME_PLACE(Ours, field, Theirs, their_field)                            \
  static_assert(offsetof(Ours, field) == offsetof(Theirs, their_field), #their_field); \
  static_assert(sizeof(Ours::field) == sizeof(Theirs::their_field), #their_field)

BIGMAC_SAME(kCallbacksTable, NVTX_ETID_CALLBACKS);
BIGMAC_SAME(Module::core, NVTX_CB_MODULE_CORE);
BIGMAC_SAME(Module::core2, NVTX_CB_MODULE_CORE2);
BIGMAC_SAME(kMarkEx, NVTX_CBID_CORE_MarkEx);
BIGMAC_SAME(kRangeStartEx, NVTX_CBID_CORE_RangeStartEx);
BIGMAC_SAME(kRangeEnd, NVTX_CBID_CORE_RangeEnd);
BIGMAC_SAME(kRangePushEx, NVTX_CBID_CORE_RangePushEx);
BIGMAC_SAME(kRangePushA, NVTX_CBID_CORE_RangePushA);
BIGMAC_SAME(kRangePop, NVTX_CBID_CORE_RangePop);
BIGMAC_SAME(kNameOsThreadA, NVTX_CBID_CORE_NameOsThreadA);
BIGMAC_SAME(kNameOsThreadW, NVTX_CBID_CORE_NameOsThreadW);
BIGMAC_SAME(kDomainMarkEx, NVTX_CBID_CORE2_DomainMarkEx);
BIGMAC_SAME(kDomainRangePop, NVTX_CBID_CORE2_DomainRangePop);
BIGMAC_SAME(kDomainRegisterStringA, NVTX_CBID_CORE2_DomainRegisterStringA);
BIGMAC_SAME(kDomainCreateA, NVTX_CBID_CORE2_DomainCreateA);
BIGMAC_SAME(kInitialize, NVTX_CBID_CORE2_Initialize);
BIGMAC_SAME(kRegistered, NVTX_MESSAGE_TYPE_REGISTERED);
BIGMAC_SAME(kUnicode, NVTX_MESSAGE_TYPE_UNICODE);
BIGMAC_SAME(kFloat, NVTX_PAYLOAD_TYPE_FLOAT);
BIGMAC_SAME(kUnsigned64, NVTX_PAYLOAD_TYPE_UNSIGNED_INT64);
BIGMAC_SAME(kNoTracking, NVTX_NO_PUSH_POP_TRACKING);

BIGMAC_SAME_PLACE(Attributes, size, nvtxEventAttributes_t, size);
BIGMAC_SAME_PLACE(Attributes, payload_type, nvtxEventAttributes_t, payloadType);
BIGMAC_SAME_PLACE(Attributes, payload, nvtxEventAttributes_t, payload);
BIGMAC_SAME_PLACE(Attributes, message_type, nvtxEventAttributes_t, messageType);
BIGMAC_SAME_PLACE(Attributes, message, nvtxEventAttributes_t, message);
static_assert(sizeof(Attributes) == sizeof(nvtxEventAttributes_t));

}  // namespace bigmac::nvtx
