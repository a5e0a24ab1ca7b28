// What an event loop over ranks needs: a queue by time, and a set of ranks. Private to the schedule room.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <vector>

namespace bigmac::hybrid {

struct Event {
  std::int64_t time = 0;
  std::uint32_t rank = 0;
  bool completes = false;  ///< false: only wakes the loop, something has arrived
};

/// A binary heap, earliest first. Events of one instant are all taken before anything is decided, so their order
/// among themselves does not matter.
class EventQueue {
 public:
  bool empty() const { return heap_.empty(); }
  const Event& top() const { return heap_.front(); }
  void push(const Event& event) {
    heap_.push_back(event);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }
  Event pop() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Event event = heap_.back();
    heap_.pop_back();
    return event;
  }

 private:
  static bool later(const Event& a, const Event& b) { return a.time > b.time; }
  std::vector<Event> heap_;
};

/// Ranks as bits; visits allow the visited one to be erased.
class RankSet {
 public:
  explicit RankSet(std::uint32_t ranks) : words_((ranks + 63) / 64, 0) {}
  void insert(std::uint32_t r) { words_[r / 64] |= std::uint64_t{1} << (r % 64); }
  void clear() { std::fill(words_.begin(), words_.end(), 0); }
  void erase(std::uint32_t r) { words_[r / 64] &= ~(std::uint64_t{1} << (r % 64)); }

  template <class Visit>
  void for_each(Visit&& visit) {
    for (std::size_t w = 0; w < words_.size(); ++w)
      for (std::uint64_t bits = words_[w]; bits != 0; bits &= bits - 1)
        visit(static_cast<std::uint32_t>(64 * w) + static_cast<std::uint32_t>(std::countr_zero(bits)));
  }
  template <class Visit>
  void for_each_descending(Visit&& visit) {
    for (std::size_t w = words_.size(); w-- > 0;)
      for (std::uint64_t bits = words_[w]; bits != 0;) {
        const auto high = static_cast<std::uint32_t>(63 - std::countl_zero(bits));
        bits &= ~(std::uint64_t{1} << high);
        visit(static_cast<std::uint32_t>(64 * w) + high);
      }
  }

 private:
  std::vector<std::uint64_t> words_;
};

}  // namespace bigmac::hybrid
