#include "bigmac/profiler/joins.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace bigmac {
namespace {

struct CorrelationKey {
  std::uint32_t process;
  std::uint64_t correlation;
  bool operator==(const CorrelationKey&) const = default;
};

struct CorrelationHash {
  std::size_t operator()(const CorrelationKey& key) const {
    return static_cast<std::size_t>((key.correlation ^ (std::uint64_t{key.process} << 40)) * 0x9E3779B97F4A7C15ULL);
  }
};

/// A forward operator, to be found by (lane, sequence, start).
struct Forward {
  std::uint32_t lane;
  std::int64_t sequence;
  Nanoseconds start;
  EventId event;
};

bool before(const Forward& a, const Forward& b) {
  return std::tie(a.lane, a.sequence, a.start) < std::tie(b.lane, b.sequence, b.start);
}

class ForwardIndex {
 public:
  explicit ForwardIndex(const Trace& trace) {
    for (const OperatorDetail& detail : trace.operators)
      if (detail.forward_thread == 0 && detail.sequence >= 0)
        forwards_.push_back({trace.events.lane[detail.event.value].value, detail.sequence,
                             trace.events.start[detail.event.value], detail.event});
    std::sort(forwards_.begin(), forwards_.end(), before);
  }

  std::optional<EventId> last_before(std::uint32_t lane, std::int64_t sequence, Nanoseconds start) const {
    const auto after = std::lower_bound(forwards_.begin(), forwards_.end(), Forward{lane, sequence, start, {}}, before);
    if (after == forwards_.begin()) return std::nullopt;
    const Forward& found = *std::prev(after);
    if (found.lane != lane || found.sequence != sequence) return std::nullopt;
    return found.event;
  }

  std::vector<std::uint32_t> lanes() const {
    std::vector<std::uint32_t> lanes;
    for (const Forward& forward : forwards_)
      if (lanes.empty() || lanes.back() != forward.lane) lanes.push_back(forward.lane);
    return lanes;
  }

 private:
  std::vector<Forward> forwards_;
};

/// Autograd's number of a thread, within a process.
using ThreadNumber = std::pair<std::uint32_t, std::int64_t>;

std::map<ThreadNumber, std::uint32_t> threads_of_numbers(const Trace& trace, const ForwardIndex& index) {
  std::map<ThreadNumber, std::map<std::uint32_t, std::uint32_t>> votes;
  const std::vector<std::uint32_t> lanes = index.lanes();
  for (const OperatorDetail& detail : trace.operators) {
    if (detail.forward_thread == 0) continue;
    const Event event = trace.events[detail.event];
    const ProcessId process = trace.lanes[event.lane].process;
    for (const std::uint32_t lane : lanes)
      if (trace.lanes[LaneId{lane}].process == process && index.last_before(lane, detail.sequence, event.start))
        ++votes[{process.value, detail.forward_thread}][lane];
  }
  std::map<ThreadNumber, std::uint32_t> threads;
  for (const auto& [number, counts] : votes)
    threads[number] = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
                        return a.second < b.second;
                      })->first;
  return threads;
}

}  // namespace

std::vector<std::optional<EventId>> launches(const Trace& trace) {
  const Events& events = trace.events;
  std::unordered_map<CorrelationKey, EventId, CorrelationHash> calls;
  for (std::uint32_t i = 0; i < events.size(); ++i)
    if (events.kind[i] == EventKind::call && events.correlation[i] != 0)
      calls.try_emplace({trace.lanes[events.lane[i]].process.value, events.correlation[i]}, EventId{i});
  std::vector<std::optional<EventId>> result(events.size());
  for (std::uint32_t i = 0; i < events.size(); ++i) {
    if (!on_gpu(events.kind[i]) || events.correlation[i] == 0) continue;
    const auto call = calls.find({trace.lanes[events.lane[i]].process.value, events.correlation[i]});
    if (call != calls.end()) result[i] = call->second;
  }
  return result;
}

std::vector<std::optional<EventId>> forwards(const Trace& trace) {
  const ForwardIndex index(trace);
  const auto threads = threads_of_numbers(trace, index);
  std::vector<std::optional<EventId>> result(trace.operators.size());
  for (std::size_t i = 0; i < trace.operators.size(); ++i) {
    const OperatorDetail& detail = trace.operators[i];
    if (detail.forward_thread == 0) continue;
    const Event event = trace.events[detail.event];
    const auto thread = threads.find({trace.lanes[event.lane].process.value, detail.forward_thread});
    if (thread != threads.end()) result[i] = index.last_before(thread->second, detail.sequence, event.start);
  }
  return result;
}

}  // namespace bigmac
