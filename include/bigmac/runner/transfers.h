// Which products cross ranks, read off a schedule and the one dependency rule. No schedule is known by name.
//
// First noun of the runner: schedule -> transfers -> executor. A product (schedule/dependencies.h) is made by one
// operation on one rank, its owner; every other rank on which an operation reads it gets it once, however many of its
// operations read it. What a pass needs of itself (B of its own F, W of its own I) never leaves its rank.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bigmac/schedule/dependencies.h"
#include "bigmac/schedule/schedule.h"

namespace bigmac::runner {

/// Products counted densely, so that a number can be a message tag: unique within a step.
class ProductNumbers {
 public:
  explicit ProductNumbers(const Pipeline& pipeline);

  std::uint32_t count() const { return count_; }
  std::uint32_t operator()(const ProductKey& key) const {
    const std::uint32_t place = first_[key.module.value] + key.stage.value;
    return (place * kProducts + static_cast<std::uint32_t>(key.product)) * microbatches_ + key.microbatch.value;
  }

 private:
  std::vector<std::uint32_t> first_;  // by module: stages of the modules before it
  std::uint32_t microbatches_;
  std::uint32_t count_;
};

struct Arrival {
  ProductKey product;
  RankId source;
};

/// What one rank reads, receives and sends. Operations are counted from 0 on their rank.
struct RankTransfers {
  std::vector<std::vector<ProductKey>> reads;  ///< by operation: products of other passes, wherever they were made
  std::vector<std::vector<RankId>> sends;      ///< by operation: ranks that get its product
  std::vector<std::uint32_t> readers;          ///< by product number: operations of this rank that read it
  std::vector<Arrival> arrivals;               ///< in the order in which this rank first reads them
  std::vector<std::uint32_t> arrivals_up_to;   ///< by operation: how many of `arrivals` it and those before it need
};

/// `schedule` must be complete (find_incompleteness) and free of deadlock (lower).
RankTransfers transfers_of(const Pipeline& pipeline, const Schedule& schedule, RankId rank);

/// By rank: how many products it sends; for summaries.
std::size_t count_transfers(const Pipeline& pipeline, const Schedule& schedule);

}  // namespace bigmac::runner
