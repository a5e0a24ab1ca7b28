// Which steps are recorded. A step begins with the step range; before the first one nothing is inside a window.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>

#include "settings.h"

namespace bigmac::capture {

class StepWindow {
 public:
  enum class Change { none, opened, closed };

  StepWindow(std::string range, std::optional<StepSpan> steps)
      : range_(std::move(range)), steps_(steps), inside_(!steps.has_value()) {}

  /// "step" counts "step", "step 7", "step#7" and "step_7", but not "stepper".
  bool counts(std::string_view name) const {
    if (range_.empty() || !name.starts_with(range_)) return false;
    if (name.size() == range_.size()) return true;
    const char next = name[range_.size()];
    return !((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z'));
  }

  struct Step {
    std::int64_t number;
    Change change;
  };
  /// A range that counts() has begun. Of two threads that begin the same number of steps each gets its own number.
  Step next() {
    const std::int64_t number = next_.fetch_add(1);
    if (!steps_) return {number, Change::none};
    if (number == steps_->first) return {number, Change::opened};
    if (number == steps_->last + 1) return {number, Change::closed};
    return {number, Change::none};
  }
  /// What next() announced has been carried out.
  void set_inside(bool inside) { inside_.store(inside, std::memory_order_relaxed); }
  bool inside() const { return inside_.load(std::memory_order_relaxed); }
  std::int64_t begun() const { return next_.load(); }
  bool limited() const { return steps_.has_value(); }

 private:
  std::string range_;
  std::optional<StepSpan> steps_;
  std::atomic<std::int64_t> next_{0};
  std::atomic<bool> inside_;
};

}  // namespace bigmac::capture
