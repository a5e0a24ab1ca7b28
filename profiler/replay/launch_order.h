// GPU operations in the order in which they were launched, stream by stream: what was on a stream before a moment of
// the host.
#pragma once

#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "bigmac/profiler/trace.h"

namespace bigmac {

struct Launched {
  Nanoseconds launch;  ///< start of the call; of the operation itself where no call is recorded
  EventId operation;
};

class LaunchOrder {
 public:
  LaunchOrder(const Trace& trace, const std::vector<std::optional<EventId>>& launched_by);

  /// The last operation launched on the lane before `time`; nothing where there is none.
  std::optional<EventId> last_before(LaneId stream, Nanoseconds time) const;
  std::optional<EventId> first_after(LaneId stream, Nanoseconds time) const;
  /// Streams of a process with operations, in order of lane.
  const std::vector<LaneId>& streams(ProcessId process) const { return streams_[process.value]; }
  /// The stream with this number, of this process; the device where it is known.
  std::optional<LaneId> stream(ProcessId process, std::optional<std::int64_t> device, std::int64_t number) const;

 private:
  std::vector<std::vector<Launched>> by_lane_;
  std::vector<std::vector<LaneId>> streams_;                                           ///< by process
  std::map<std::tuple<std::uint32_t, std::int64_t, std::int64_t>, LaneId> by_number_;  ///< process, number, device
};

}  // namespace bigmac
