// Who waits for which GPU operation: blocking calls of threads, and streams made to wait for others.
#pragma once

#include <cstdint>
#include <vector>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// A call of a thread that returns only after some GPU operations.
struct HostWait {
  EventId call;
  std::vector<EventId> operations;
};

/// A GPU operation that its stream let start only after another stream's.
struct StreamWait {
  EventId operation, awaited;
  bool inferred = false;  ///< from times: no record says so
};

struct Waits {
  std::vector<HostWait> host;      ///< by call
  std::vector<StreamWait> stream;  ///< by operation
};

/// Reads Trace::syncs where the recording has them. A blocking call without such a record waits for what its name says:
/// the device, or the last operation launched before it that ended before it returned. A launching call that returns
/// after its operation ended waited for it (copies to pageable memory).
Waits find_waits(const Trace& trace, const std::vector<std::optional<EventId>>& launched_by);

}  // namespace bigmac
