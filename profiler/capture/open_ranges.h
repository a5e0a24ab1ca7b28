// NVTX start/end ranges: they may end on another thread, so they are the process's, not a thread's.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "event.h"

namespace bigmac::capture {

class OpenRanges {
 public:
  struct Range {
    Time start;
    std::uint32_t thread, domain;
    Payload payload;
    std::string name;
  };

  /// Never 0. Where kMost are open already the range is not remembered.
  std::uint64_t begin(Range range) {
    const std::uint64_t id = next_.fetch_add(1, std::memory_order_relaxed);
    Shard& shard = shards_[id % kShards];
    const std::lock_guard lock(shard.mutex);
    if (shard.open.size() < kMost / kShards) shard.open.emplace(id, std::move(range));
    return id;
  }

  std::optional<Range> end(std::uint64_t id) {
    Shard& shard = shards_[id % kShards];
    const std::lock_guard lock(shard.mutex);
    const auto node = shard.open.extract(id);
    if (node.empty()) return std::nullopt;
    return std::move(node.mapped());
  }

 private:
  static constexpr std::size_t kShards = 16, kMost = std::size_t{1} << 20;
  struct Shard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, Range> open;
  };
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> next_{1};
};

}  // namespace bigmac::capture
