// Where the time goes: the critical path of a replay, and why GPUs stood idle.
//
// Both walk back from a node through the input that its start waited for. Along the way every moment belongs to one
// cause.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "bigmac/profiler/replay.h"

namespace bigmac {

enum class Cause : std::uint8_t {
  host_work,    ///< a thread computes between two launches
  hand_over,    ///< from one thread to another
  synchronise,  ///< a thread after it was released
  launch,       ///< from the launch to the start
  kernel,       ///< GPU operations: on the path, or of another stream, GPU or rank that was waited for
  communication,
  copy,
  gap,    ///< between operations of a stream
  pause,  ///< kept, before operations whose launch is not recorded
  begin,  ///< before a lane's first recorded moment
  ended,  ///< nothing was left to do
};
inline constexpr std::size_t kCauses = 11;
const char* name_of(Cause cause);

using CauseTimes = std::array<Nanoseconds, kCauses>;

struct NamedTime {
  NameId name;
  std::size_t operations = 0;
  Nanoseconds time;
};

struct CriticalPath {
  std::size_t nodes = 0;
  CauseTimes times{};                 ///< sums to the replay's length
  std::vector<NamedTime> operations;  ///< GPU operations on it by name, the longest first
};
CriticalPath critical_path(const Trace& trace, const ReplayGraph& graph, const SlotCosts& costs,
                           const ReplayTiming& timing);

/// One GPU of one process: busy while any of its streams is.
struct GpuIdle {
  ProcessId process;
  std::int64_t device = 0;
  Nanoseconds busy;
  CauseTimes idle{};  ///< busy and idle sum to the replay's length
};
std::vector<GpuIdle> idle_by_cause(const Trace& trace, const ReplayGraph& graph, const SlotCosts& costs,
                                   const ReplayTiming& timing);

}  // namespace bigmac
