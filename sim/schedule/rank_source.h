// A base's orders, one rank at a time. Private to the schedule room.
//
// Closed forms fill one buffer again and again: a builder that copies from it touches the memory of one rank's order
// besides its own, not of all ranks' at once. At 65,536 microbatches that is the difference between a cache and RAM.
#pragma once

#include "bigmac/schedule/llm_base.h"

namespace bigmac {

class RankSource {
 public:
  RankSource(const LlmBase& base, const BaseRequest& request) : base_(base), request_(request) {
    if (base.append_rank == nullptr) orders_ = base.build(request);
  }

  /// The order of `rank`; valid until the next call.
  const std::vector<Op>& order(RankId rank) {
    if (base_.append_rank == nullptr) return orders_[rank.value];
    buffer_.clear();
    base_.append_rank(request_, rank, buffer_);
    return buffer_;
  }

 private:
  const LlmBase& base_;
  const BaseRequest request_;
  RankOrders orders_;
  std::vector<Op> buffer_;
};

}  // namespace bigmac
