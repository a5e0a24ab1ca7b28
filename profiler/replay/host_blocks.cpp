#include "host_blocks.h"

#include <algorithm>

namespace bigmac {
namespace {

constexpr std::size_t kCandidates = 64;  // blocks of a process that ended last; a hand-over is among them

bool is_activity(EventKind kind) { return kind == EventKind::call || kind == EventKind::operation; }

struct BlockEnd {
  Nanoseconds end;
  std::uint32_t lane;
  std::size_t block;
};

/// Events come by start, so each lane's blocks grow at their end only.
std::vector<std::vector<HostBlock>> busy_blocks(const Trace& trace) {
  std::vector<std::vector<HostBlock>> blocks(trace.lanes.size());
  for (std::uint32_t i = 0; i < trace.events.size(); ++i) {
    const Event event = trace.events[EventId{i}];
    if (!is_activity(event.kind)) continue;
    auto& lane = blocks[event.lane.value];
    if (lane.empty() || event.start - lane.back().end >= kIdle) lane.push_back({event.start, event.end(), {}});
    else lane.back().end = std::max(lane.back().end, event.end());
  }
  return blocks;
}

/// Ends of a process's blocks in order of time.
std::vector<std::vector<BlockEnd>> block_ends(const Trace& trace, const std::vector<std::vector<HostBlock>>& blocks) {
  std::vector<std::vector<BlockEnd>> ends(trace.processes.size());
  for (std::uint32_t lane = 0; lane < blocks.size(); ++lane)
    for (std::size_t b = 0; b < blocks[lane].size(); ++b)
      ends[trace.lanes[LaneId{lane}].process.value].push_back({blocks[lane][b].end, lane, b});
  for (auto& process : ends)
    std::sort(process.begin(), process.end(), [](const BlockEnd& a, const BlockEnd& b) {
      return std::tie(a.end, a.lane, a.block) < std::tie(b.end, b.lane, b.block);
    });
  return ends;
}

/// Who handed over to a block of `lane` that starts at `start`, its thread idle since `idle_since`.
std::optional<std::pair<LaneId, std::size_t>> giver(const std::vector<BlockEnd>& ends,
                                                    const std::vector<std::vector<HostBlock>>& blocks,
                                                    std::uint32_t lane, Nanoseconds start, Nanoseconds idle_since) {
  auto candidate =
      std::partition_point(ends.begin(), ends.end(), [&](const BlockEnd& end) { return end.end <= start; });
  for (std::size_t tries = 0; tries < kCandidates && candidate != ends.begin(); ++tries) {
    --candidate;
    if (candidate->end <= idle_since) return std::nullopt;
    if (candidate->lane == lane) continue;
    const auto& other = blocks[candidate->lane];
    const bool idles = candidate->block + 1 == other.size() || other[candidate->block + 1].start > start;
    if (idles) return std::pair{LaneId{candidate->lane}, candidate->block};
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::vector<HostBlock>> host_blocks(const Trace& trace) {
  auto blocks = busy_blocks(trace);
  const auto ends = block_ends(trace, blocks);
  for (std::uint32_t lane = 0; lane < blocks.size(); ++lane)
    for (std::size_t b = 0; b < blocks[lane].size(); ++b) {
      const Nanoseconds idle_since = b > 0 ? blocks[lane][b - 1].end : Nanoseconds{INT64_MIN};
      blocks[lane][b].after =
          giver(ends[trace.lanes[LaneId{lane}].process.value], blocks, lane, blocks[lane][b].start, idle_since);
    }
  return blocks;
}

}  // namespace bigmac
