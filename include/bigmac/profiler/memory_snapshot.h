// torch.cuda.memory._dump_snapshot(): the allocator's history and what it holds at the end.
#pragma once

#include <string>
#include <string_view>

#include "bigmac/profiler/trace.h"

namespace bigmac {

/// What the allocator held on one device when the snapshot was taken.
struct SegmentTotals {
  std::int64_t device = 0;
  std::size_t segments = 0;
  Bytes reserved, allocated, active;
};

struct MemorySnapshot {
  Trace trace;  ///< memory events only: one per allocation and completed release
  std::vector<SegmentTotals> segments;
};

/// Whether the (uncompressed) file begins as a pickle of protocol 2 or later does.
bool is_memory_snapshot(const std::string& path);

/// Throws Error{bad_input} with file and byte offset (or the path inside the data) where it is no such snapshot.
/// Pickled code is never run.
MemorySnapshot read_memory_snapshot(const std::string& path);
MemorySnapshot parse_memory_snapshot(std::string_view bytes, const std::string& file);

}  // namespace bigmac
