#include "latencies.h"

#include <algorithm>
#include <array>

namespace bigmac {
namespace {

constexpr Nanoseconds kAssumedLaunch{5'000}, kQueuedFor{10'000}, kLongestGap{100'000};

struct Samples {
  std::array<std::vector<Nanoseconds>, 3> launch, gap;
};

Nanoseconds median(std::vector<Nanoseconds>& samples, Nanoseconds otherwise) {
  if (samples.empty()) return otherwise;
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

std::vector<bool> waiting(const Trace& trace, const Waits& waits) {
  std::vector<bool> waits_for(trace.events.size());
  for (const StreamWait& wait : waits.stream) waits_for[wait.operation.value] = true;
  return waits_for;
}

std::vector<Samples> collect(const Trace& trace, const std::vector<std::optional<EventId>>& launched_by,
                             const Waits& waits) {
  std::vector<Samples> samples(trace.processes.size());
  std::vector<std::optional<Event>> previous(trace.lanes.size());
  const std::vector<bool> waits_for = waiting(trace, waits);
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    if (!on_gpu(trace.events.kind[i])) continue;
    const Event event = trace.events[EventId{i}];
    auto& before = previous[event.lane.value];
    Samples& its = samples[trace.lanes[event.lane].process.value];
    if (launched_by[i] && before && !waits_for[i]) {
      const Nanoseconds launch = trace.events.start[launched_by[i]->value];
      const Nanoseconds gap = event.start - before->end();
      if (before->end() <= launch && event.start >= launch)
        its.launch[latency_row(event.kind)].push_back(event.start - launch);
      else if (launch + kQueuedFor < before->end() && gap.value >= 0 && gap < kLongestGap)
        its.gap[latency_row(before->kind)].push_back(gap);
    }
    before = event;
  }
  return samples;
}

}  // namespace

std::vector<ReplayLatencies> measure_latencies(const Trace& trace,
                                               const std::vector<std::optional<EventId>>& launched_by,
                                               const Waits& waits) {
  std::vector<ReplayLatencies> result;
  for (Samples& samples : collect(trace, launched_by, waits)) {
    ReplayLatencies& latencies = result.emplace_back();
    std::vector<Nanoseconds> launches, gaps;
    for (std::size_t row = 0; row < 3; ++row) {
      launches.insert(launches.end(), samples.launch[row].begin(), samples.launch[row].end());
      gaps.insert(gaps.end(), samples.gap[row].begin(), samples.gap[row].end());
    }
    const Nanoseconds any_launch = median(launches, kAssumedLaunch), any_gap = median(gaps, Nanoseconds{0});
    for (std::size_t row = 0; row < 3; ++row) {
      latencies.launch[row] = median(samples.launch[row], any_launch);
      latencies.gap[row] = median(samples.gap[row], any_gap);
    }
  }
  return result;
}

}  // namespace bigmac
