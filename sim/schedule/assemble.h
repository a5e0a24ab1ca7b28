// Assembles a schedule rank by rank. Private to the schedule room.
#pragma once

#include "bigmac/schedule/schedule.h"

namespace bigmac {

/// Calls append(rank, ops) for each rank in turn and keeps the offsets.
template <class AppendRank>
Schedule assemble(const Pipeline& pipeline, AppendRank&& append) {
  Schedule schedule;
  schedule.ops.reserve(static_cast<std::size_t>(pipeline.operations()));
  schedule.first.push_back(0);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank) {
    append(RankId{rank}, schedule.ops);
    schedule.first.push_back(static_cast<std::uint32_t>(schedule.ops.size()));
  }
  return schedule;
}

/// From orders that are there already.
inline Schedule assemble_orders(const std::vector<std::vector<Op>>& orders) {
  Schedule schedule;
  schedule.first.push_back(0);
  for (const std::vector<Op>& ops : orders) {
    schedule.ops.insert(schedule.ops.end(), ops.begin(), ops.end());
    schedule.first.push_back(static_cast<std::uint32_t>(schedule.ops.size()));
  }
  return schedule;
}

}  // namespace bigmac
