#include "packing_bound.h"

#include <algorithm>
#include <functional>

namespace bigmac {
namespace {

constexpr std::size_t kMostForBisection = 4096, kMostForDealings = 24;
constexpr std::uint32_t kDealingSteps = 5'000;
constexpr std::int64_t kResolution = 8192;

/// Whether any dealing of `pieces`, in falling order, keeps every bin to `most`.
class Dealings {
 public:
  Dealings(const std::vector<std::int64_t>& pieces, std::uint32_t bins, std::int64_t most)
      : pieces_(pieces), room_(bins, most), to_waste_(most * bins) {
    for (const std::int64_t piece : pieces) to_waste_ -= piece;
  }

  /// All were looked at, and none does.
  bool refute() { return to_waste_ < 0 || (!deal(0) && steps_ < kDealingSteps); }

 private:
  /// Whether the pieces from the i-th on find room; true as well once there were too many steps.
  bool deal(std::size_t i) {
    if (i == pieces_.size() || ++steps_ >= kDealingSteps) return true;
    std::int64_t wasted = 0;
    for (const std::int64_t room : room_) wasted += room < pieces_.back() ? room : 0;
    if (wasted > to_waste_) return false;
    for (std::size_t b = 0; b < room_.size(); ++b) {
      if (room_[b] < pieces_[i] || std::find(room_.begin(), room_.begin() + static_cast<std::ptrdiff_t>(b), room_[b]) !=
                                       room_.begin() + static_cast<std::ptrdiff_t>(b))
        continue;
      room_[b] -= pieces_[i];
      const bool found = deal(i + 1);
      room_[b] += pieces_[i];
      if (found) return true;
    }
    return false;
  }

  const std::vector<std::int64_t>& pieces_;
  std::vector<std::int64_t> room_;
  std::int64_t to_waste_;
  std::uint32_t steps_ = 0;
};

class Packing {
 public:
  Packing(std::vector<std::int64_t> pieces, std::uint32_t bins) : a_(std::move(pieces)), bins_(bins) {
    std::sort(a_.begin(), a_.end(), std::greater<>());
    before_.reserve(a_.size() + 1);
    before_.push_back(0);
    for (const std::int64_t piece : a_) before_.push_back(before_.back() + piece);
  }

  std::int64_t bound() const {
    std::int64_t low = std::max(mean(), pigeonhole());
    if (a_.size() > kMostForBisection) return low;
    low = bisect(low, before_.back(), 0, [&](std::int64_t c) { return refuted(c); });  // one bin takes all
    if (a_.size() > kMostForDealings) return low;
    return bisect(low, low + low / 4, low / kResolution,
                  [&](std::int64_t c) { return Dealings(a_, bins_, c).refute(); });
  }

 private:
  /// One more than the largest refuted value that is found between `low` and `high`, or `low`.
  template <class Refuted>
  static std::int64_t bisect(std::int64_t low, std::int64_t high, std::int64_t within, Refuted&& refuted) {
    while (low + within < high) {
      const std::int64_t middle = low + (high - low) / 2;
      if (refuted(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  std::int64_t mean() const { return (before_.back() + bins_ - 1) / bins_; }

  std::int64_t pigeonhole() const {
    std::int64_t most = 0;
    for (std::size_t k = 0; k * bins_ < a_.size(); ++k)
      most = std::max(most, before_[k * bins_ + 1] - before_[k * bins_ - std::min(k, k * bins_)]);
    return most;
  }

  /// How many pieces are above `size`: these are a_[0 .. that).
  std::size_t above(std::int64_t size) const {
    return static_cast<std::size_t>(
        std::partition_point(a_.begin(), a_.end(), [&](std::int64_t a) { return a > size; }) - a_.begin());
  }

  /// Whether no dealing keeps every bin to `c`.
  bool refuted(std::int64_t c) const {
    const std::size_t own = above(c / 2);
    if (own > bins_) return true;
    for (std::size_t last = own; last < a_.size(); ++last) {  // x = a_[last]
      const std::size_t alone = std::min(own, above(c - a_[last]));
      const std::int64_t room = static_cast<std::int64_t>(bins_ - alone) * c - (before_[own] - before_[alone]);
      if (before_[last + 1] - before_[own] > room) return true;
    }
    return false;
  }

  std::vector<std::int64_t> a_, before_;  // falling; sums of the first so many
  std::uint32_t bins_;
};

}  // namespace

std::int64_t least_fullest(std::vector<std::int64_t> pieces, std::uint32_t bins) {
  return pieces.empty() ? 0 : Packing(std::move(pieces), bins).bound();
}

}  // namespace bigmac
