// Compiled, never run, where CUPTI's headers are installed: profiler/capture/cupti_abi.h says what they say, for the
// newest version of each record and for the oldest that the recorder is meant to read.
#include <cuda.h>
#include <cupti.h>
#include <cupti_activity_deprecated.h>

#include "profiler/capture/cupti_abi.h"

namespace bigmac::cupti {

#define BIGMAC_SAME_FIELD(Ours, field, Theirs, their_field)                                             \
  static_assert(offsetof(Ours, field) == offsetof(Theirs, their_field), #Ours "::" #field " " #Theirs); \
  static_assert(sizeof(Ours::field) == sizeof(Theirs::their_field), #Ours "::" #field " " #Theirs)
#define BIGMAC_SAME_VALUE(ours, theirs) \
  static_assert(static_cast<std::int64_t>(ours) == static_cast<std::int64_t>(theirs), #theirs)

#define BIGMAC_CHECK_KERNEL(Theirs)                                             \
  BIGMAC_SAME_FIELD(KernelRecord, kind, Theirs, kind);                          \
  BIGMAC_SAME_FIELD(KernelRecord, registers, Theirs, registersPerThread);       \
  BIGMAC_SAME_FIELD(KernelRecord, start, Theirs, start);                        \
  BIGMAC_SAME_FIELD(KernelRecord, end, Theirs, end);                            \
  BIGMAC_SAME_FIELD(KernelRecord, device, Theirs, deviceId);                    \
  BIGMAC_SAME_FIELD(KernelRecord, context, Theirs, contextId);                  \
  BIGMAC_SAME_FIELD(KernelRecord, stream, Theirs, streamId);                    \
  BIGMAC_SAME_FIELD(KernelRecord, grid[0], Theirs, gridX);                      \
  BIGMAC_SAME_FIELD(KernelRecord, grid[2], Theirs, gridZ);                      \
  BIGMAC_SAME_FIELD(KernelRecord, block[0], Theirs, blockX);                    \
  BIGMAC_SAME_FIELD(KernelRecord, block[2], Theirs, blockZ);                    \
  BIGMAC_SAME_FIELD(KernelRecord, static_shared, Theirs, staticSharedMemory);   \
  BIGMAC_SAME_FIELD(KernelRecord, dynamic_shared, Theirs, dynamicSharedMemory); \
  BIGMAC_SAME_FIELD(KernelRecord, correlation, Theirs, correlationId);          \
  BIGMAC_SAME_FIELD(KernelRecord, name, Theirs, name);                          \
  BIGMAC_SAME_FIELD(KernelRecord, graph_node, Theirs, graphNodeId);             \
  static_assert(sizeof(KernelRecord) <= sizeof(Theirs))
BIGMAC_CHECK_KERNEL(CUpti_ActivityKernel10);
BIGMAC_CHECK_KERNEL(CUpti_ActivityKernel9);
BIGMAC_CHECK_KERNEL(CUpti_ActivityKernel5);

#define BIGMAC_CHECK_COPY(Theirs)                                    \
  BIGMAC_SAME_FIELD(CopyRecord, copy_kind, Theirs, copyKind);        \
  BIGMAC_SAME_FIELD(CopyRecord, bytes, Theirs, bytes);               \
  BIGMAC_SAME_FIELD(CopyRecord, start, Theirs, start);               \
  BIGMAC_SAME_FIELD(CopyRecord, end, Theirs, end);                   \
  BIGMAC_SAME_FIELD(CopyRecord, device, Theirs, deviceId);           \
  BIGMAC_SAME_FIELD(CopyRecord, context, Theirs, contextId);         \
  BIGMAC_SAME_FIELD(CopyRecord, stream, Theirs, streamId);           \
  BIGMAC_SAME_FIELD(CopyRecord, correlation, Theirs, correlationId); \
  BIGMAC_SAME_FIELD(CopyRecord, graph_node, Theirs, graphNodeId);    \
  static_assert(sizeof(CopyRecord) <= sizeof(Theirs))
BIGMAC_CHECK_COPY(CUpti_ActivityMemcpy6);
BIGMAC_CHECK_COPY(CUpti_ActivityMemcpy3);

#define BIGMAC_CHECK_PEER(Theirs)                                        \
  BIGMAC_SAME_FIELD(PeerCopyRecord, bytes, Theirs, bytes);               \
  BIGMAC_SAME_FIELD(PeerCopyRecord, end, Theirs, end);                   \
  BIGMAC_SAME_FIELD(PeerCopyRecord, device, Theirs, deviceId);           \
  BIGMAC_SAME_FIELD(PeerCopyRecord, stream, Theirs, streamId);           \
  BIGMAC_SAME_FIELD(PeerCopyRecord, source_device, Theirs, srcDeviceId); \
  BIGMAC_SAME_FIELD(PeerCopyRecord, target_device, Theirs, dstDeviceId); \
  BIGMAC_SAME_FIELD(PeerCopyRecord, correlation, Theirs, correlationId); \
  BIGMAC_SAME_FIELD(PeerCopyRecord, graph_node, Theirs, graphNodeId);    \
  static_assert(sizeof(PeerCopyRecord) <= sizeof(Theirs))
BIGMAC_CHECK_PEER(CUpti_ActivityMemcpyPtoP4);
BIGMAC_CHECK_PEER(CUpti_ActivityMemcpyPtoP2);

#define BIGMAC_CHECK_SET(Theirs)                                    \
  BIGMAC_SAME_FIELD(SetRecord, bytes, Theirs, bytes);               \
  BIGMAC_SAME_FIELD(SetRecord, start, Theirs, start);               \
  BIGMAC_SAME_FIELD(SetRecord, stream, Theirs, streamId);           \
  BIGMAC_SAME_FIELD(SetRecord, correlation, Theirs, correlationId); \
  BIGMAC_SAME_FIELD(SetRecord, graph_node, Theirs, graphNodeId);    \
  static_assert(sizeof(SetRecord) <= sizeof(Theirs))
BIGMAC_CHECK_SET(CUpti_ActivityMemset4);
BIGMAC_CHECK_SET(CUpti_ActivityMemset2);

BIGMAC_SAME_FIELD(ApiRecord, callback, CUpti_ActivityAPI, cbid);
BIGMAC_SAME_FIELD(ApiRecord, start, CUpti_ActivityAPI, start);
BIGMAC_SAME_FIELD(ApiRecord, thread, CUpti_ActivityAPI, threadId);
BIGMAC_SAME_FIELD(ApiRecord, correlation, CUpti_ActivityAPI, correlationId);
BIGMAC_SAME_FIELD(ApiRecord, result, CUpti_ActivityAPI, returnValue);
static_assert(sizeof(ApiRecord) == sizeof(CUpti_ActivityAPI));

#define BIGMAC_CHECK_MEMORY(Theirs)                                                \
  BIGMAC_SAME_FIELD(MemoryRecord, operation, Theirs, memoryOperationType);         \
  BIGMAC_SAME_FIELD(MemoryRecord, memory_kind, Theirs, memoryKind);                \
  BIGMAC_SAME_FIELD(MemoryRecord, correlation, Theirs, correlationId);             \
  BIGMAC_SAME_FIELD(MemoryRecord, address, Theirs, address);                       \
  BIGMAC_SAME_FIELD(MemoryRecord, bytes, Theirs, bytes);                           \
  BIGMAC_SAME_FIELD(MemoryRecord, time, Theirs, timestamp);                        \
  BIGMAC_SAME_FIELD(MemoryRecord, device, Theirs, deviceId);                       \
  BIGMAC_SAME_FIELD(MemoryRecord, pool_address, Theirs, memoryPoolConfig.address); \
  static_assert(sizeof(MemoryRecord) <= sizeof(Theirs))
BIGMAC_CHECK_MEMORY(CUpti_ActivityMemory4);
BIGMAC_CHECK_MEMORY(CUpti_ActivityMemory2);

#define BIGMAC_CHECK_POOL(Theirs)                                            \
  BIGMAC_SAME_FIELD(PoolRecord, operation, Theirs, memoryPoolOperationType); \
  BIGMAC_SAME_FIELD(PoolRecord, device, Theirs, deviceId);                   \
  BIGMAC_SAME_FIELD(PoolRecord, address, Theirs, address);                   \
  BIGMAC_SAME_FIELD(PoolRecord, size, Theirs, size);                         \
  BIGMAC_SAME_FIELD(PoolRecord, time, Theirs, timestamp);                    \
  BIGMAC_SAME_FIELD(PoolRecord, used, Theirs, utilizedSize);                 \
  static_assert(sizeof(PoolRecord) <= sizeof(Theirs))
BIGMAC_CHECK_POOL(CUpti_ActivityMemoryPool3);
BIGMAC_CHECK_POOL(CUpti_ActivityMemoryPool2);

#define BIGMAC_CHECK_OVERHEAD(Theirs)                                     \
  BIGMAC_SAME_FIELD(OverheadRecord, overhead_kind, Theirs, overheadKind); \
  BIGMAC_SAME_FIELD(OverheadRecord, object_kind, Theirs, objectKind);     \
  BIGMAC_SAME_FIELD(OverheadRecord, object_id, Theirs, objectId);         \
  BIGMAC_SAME_FIELD(OverheadRecord, start, Theirs, start);                \
  BIGMAC_SAME_FIELD(OverheadRecord, end, Theirs, end);                    \
  static_assert(sizeof(OverheadRecord) <= sizeof(Theirs))
BIGMAC_CHECK_OVERHEAD(CUpti_ActivityOverhead3);
BIGMAC_CHECK_OVERHEAD(CUpti_ActivityOverhead);

#define BIGMAC_CHECK_DEVICE(Theirs)                                             \
  BIGMAC_SAME_FIELD(DeviceRecord, memory_bytes, Theirs, globalMemorySize);      \
  BIGMAC_SAME_FIELD(DeviceRecord, l2_bytes, Theirs, l2CacheSize);               \
  BIGMAC_SAME_FIELD(DeviceRecord, multiprocessors, Theirs, numMultiprocessors); \
  BIGMAC_SAME_FIELD(DeviceRecord, major, Theirs, computeCapabilityMajor);       \
  BIGMAC_SAME_FIELD(DeviceRecord, minor, Theirs, computeCapabilityMinor);       \
  BIGMAC_SAME_FIELD(DeviceRecord, id, Theirs, id);                              \
  BIGMAC_SAME_FIELD(DeviceRecord, name, Theirs, name);                          \
  static_assert(sizeof(DeviceRecord) <= sizeof(Theirs))
BIGMAC_CHECK_DEVICE(CUpti_ActivityDevice5);
BIGMAC_CHECK_DEVICE(CUpti_ActivityDevice2);

BIGMAC_SAME_FIELD(ContextRecord, context, CUpti_ActivityContext3, contextId);
BIGMAC_SAME_FIELD(ContextRecord, device, CUpti_ActivityContext3, deviceId);
BIGMAC_SAME_FIELD(ContextRecord, device, CUpti_ActivityContext, deviceId);
BIGMAC_SAME_FIELD(StreamRecord, context, CUpti_ActivityStream, contextId);
BIGMAC_SAME_FIELD(StreamRecord, stream, CUpti_ActivityStream, streamId);
BIGMAC_SAME_FIELD(StreamRecord, priority, CUpti_ActivityStream, priority);

#define BIGMAC_CHECK_SYNC(Theirs)                                    \
  BIGMAC_SAME_FIELD(SyncRecord, type, Theirs, type);                 \
  BIGMAC_SAME_FIELD(SyncRecord, start, Theirs, start);               \
  BIGMAC_SAME_FIELD(SyncRecord, correlation, Theirs, correlationId); \
  BIGMAC_SAME_FIELD(SyncRecord, context, Theirs, contextId);         \
  BIGMAC_SAME_FIELD(SyncRecord, stream, Theirs, streamId);           \
  BIGMAC_SAME_FIELD(SyncRecord, event, Theirs, cudaEventId)
BIGMAC_CHECK_SYNC(CUpti_ActivitySynchronization2);
BIGMAC_CHECK_SYNC(CUpti_ActivitySynchronization);
BIGMAC_SAME_FIELD(EventRecord, correlation, CUpti_ActivityCudaEvent2, correlationId);
BIGMAC_SAME_FIELD(EventRecord, stream, CUpti_ActivityCudaEvent2, streamId);
BIGMAC_SAME_FIELD(EventRecord, event, CUpti_ActivityCudaEvent2, eventId);
BIGMAC_SAME_FIELD(EventRecord, event, CUpti_ActivityCudaEvent, eventId);

BIGMAC_SAME_FIELD(CallbackData, site, CUpti_CallbackData, callbackSite);
BIGMAC_SAME_FIELD(CallbackData, function, CUpti_CallbackData, functionName);
BIGMAC_SAME_FIELD(ResourceData, descriptor, CUpti_ResourceData, resourceDescriptor);
BIGMAC_SAME_FIELD(GraphData, node, CUpti_GraphData, node);
BIGMAC_SAME_FIELD(GraphData, original_node, CUpti_GraphData, originalNode);
BIGMAC_SAME_FIELD(SubscriberParams, name, CUpti_SubscriberParams, subscriberName);
BIGMAC_SAME_FIELD(SubscriberParams, old_name, CUpti_SubscriberParams, oldSubscriberName);
static_assert(sizeof(SubscriberParams) == CUpti_SubscriberParams_STRUCT_SIZE);

BIGMAC_SAME_VALUE(Kind::memcpy, CUPTI_ACTIVITY_KIND_MEMCPY);
BIGMAC_SAME_VALUE(Kind::memset, CUPTI_ACTIVITY_KIND_MEMSET);
BIGMAC_SAME_VALUE(Kind::kernel, CUPTI_ACTIVITY_KIND_KERNEL);
BIGMAC_SAME_VALUE(Kind::driver, CUPTI_ACTIVITY_KIND_DRIVER);
BIGMAC_SAME_VALUE(Kind::runtime, CUPTI_ACTIVITY_KIND_RUNTIME);
BIGMAC_SAME_VALUE(Kind::device, CUPTI_ACTIVITY_KIND_DEVICE);
BIGMAC_SAME_VALUE(Kind::context, CUPTI_ACTIVITY_KIND_CONTEXT);
BIGMAC_SAME_VALUE(Kind::concurrent_kernel, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL);
BIGMAC_SAME_VALUE(Kind::overhead, CUPTI_ACTIVITY_KIND_OVERHEAD);
BIGMAC_SAME_VALUE(Kind::memcpy2, CUPTI_ACTIVITY_KIND_MEMCPY2);
BIGMAC_SAME_VALUE(Kind::cuda_event, CUPTI_ACTIVITY_KIND_CUDA_EVENT);
BIGMAC_SAME_VALUE(Kind::stream, CUPTI_ACTIVITY_KIND_STREAM);
BIGMAC_SAME_VALUE(Kind::synchronization, CUPTI_ACTIVITY_KIND_SYNCHRONIZATION);
BIGMAC_SAME_VALUE(Kind::memory2, CUPTI_ACTIVITY_KIND_MEMORY2);
BIGMAC_SAME_VALUE(Kind::memory_pool, CUPTI_ACTIVITY_KIND_MEMORY_POOL);
BIGMAC_SAME_VALUE(Domain::driver, CUPTI_CB_DOMAIN_DRIVER_API);
BIGMAC_SAME_VALUE(Domain::runtime, CUPTI_CB_DOMAIN_RUNTIME_API);
BIGMAC_SAME_VALUE(Domain::resource, CUPTI_CB_DOMAIN_RESOURCE);
BIGMAC_SAME_VALUE(kGraphNodeCreated, CUPTI_CBID_RESOURCE_GRAPHNODE_CREATED);
BIGMAC_SAME_VALUE(kGraphNodeCloned, CUPTI_CBID_RESOURCE_GRAPHNODE_CLONED);
BIGMAC_SAME_VALUE(kApiEnter, CUPTI_API_ENTER);
BIGMAC_SAME_VALUE(kSuccess, CUPTI_SUCCESS);
BIGMAC_SAME_VALUE(kMultipleSubscribers, CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED);
BIGMAC_SAME_VALUE(kMaxLimitReached, CUPTI_ERROR_MAX_LIMIT_REACHED);
BIGMAC_SAME_VALUE(kInvalidKind, CUPTI_ERROR_INVALID_KIND);
BIGMAC_SAME_VALUE(kUnknownError, CUPTI_ERROR_UNKNOWN);
BIGMAC_SAME_VALUE(kFlushForced, CUPTI_ACTIVITY_FLAG_FLUSH_FORCED);
BIGMAC_SAME_VALUE(kThreadIdSystem, CUPTI_ACTIVITY_THREAD_ID_TYPE_SYSTEM);
BIGMAC_SAME_VALUE(kObjectThread, CUPTI_ACTIVITY_OBJECT_THREAD);
BIGMAC_SAME_VALUE(kMemoryAllocation, CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_ALLOCATION);
BIGMAC_SAME_VALUE(kMemoryRelease, CUPTI_ACTIVITY_MEMORY_OPERATION_TYPE_RELEASE);
BIGMAC_SAME_VALUE(kPeerToPeer, CUPTI_ACTIVITY_MEMCPY_KIND_PTOP);
BIGMAC_SAME_VALUE(kNoStream, CUPTI_SYNCHRONIZATION_INVALID_VALUE);

}  // namespace bigmac::cupti
