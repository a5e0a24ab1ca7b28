#include "hybrid_takes.h"

#include <algorithm>

namespace bigmac::hybrid {
namespace {

constexpr std::uint32_t kPlacedGroups = 3, kMostPlaced = 4;

std::int64_t encoder_work(const Sides& sides, std::uint32_t position) {
  return sides.forward.total(position) + (sides.backward.empty() ? 0 : sides.backward.total(position));
}

}  // namespace

Takes::Takes(const LlmClock& llm, const Sides& sides, const Placement& placement, bool dynamic)
    : llm_(llm), sides_(sides), own_(llm.ranks()), own_front_(llm.ranks(), 0), load_(llm.ranks(), 0) {
  if (sides.forward.empty()) return;
  const std::size_t count = llm.by_forward.size();
  if (!dynamic) {
    rank_of_ = placement.encoder;
    for (const std::uint32_t p : llm.by_forward) own_[rank_of_[p]].push_back(p);
    return;
  }
  rank_of_.assign(count, 0);
  for (std::uint32_t p = 0; p < count; ++p) mean_ += encoder_work(sides, p);
  mean_ /= llm.ranks();
  const std::size_t placed = std::size_t{kPlacedGroups} * llm.ranks();
  dynamic_end_ = count > placed ? count - placed : 0;
  if (dynamic_end_ == 0) place_rest();
}

std::uint32_t Takes::next(std::uint32_t rank, std::int64_t now, std::int64_t slip) const {
  if (cursor_ < dynamic_end_) {
    const std::uint32_t p = llm_.by_forward[cursor_];
    const bool due = now + sides_.forward.total(p) >= llm_.forward_due[p] + slip;
    return due || within_mean(rank, p) ? p : kNone;
  }
  return own_front_[rank] < own_[rank].size() ? own_[rank][own_front_[rank]] : kNone;
}

bool Takes::within_mean(std::uint32_t rank, std::uint32_t position) const {
  return load_[rank] + encoder_work(sides_, position) / 2 <= mean_;
}

void Takes::take(std::uint32_t rank, std::uint32_t position) {
  if (cursor_ >= dynamic_end_) {
    ++own_front_[rank];
    return;
  }
  rank_of_[position] = rank;
  load_[rank] += encoder_work(sides_, position);
  if (++cursor_ == dynamic_end_) place_rest();
}

void Takes::place_rest() {
  std::vector<std::uint32_t> rest(llm_.by_forward.begin() + static_cast<std::ptrdiff_t>(dynamic_end_),
                                  llm_.by_forward.end());
  std::stable_sort(rest.begin(), rest.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return encoder_work(sides_, a) > encoder_work(sides_, b); });
  std::vector<std::uint32_t> placed(own_.size(), 0);
  for (const std::uint32_t p : rest) {
    std::uint32_t best = kNone;
    for (std::uint32_t r = 0; r < own_.size(); ++r)
      if (placed[r] < kMostPlaced && (best == kNone || load_[r] < load_[best])) best = r;
    rank_of_[p] = best;
    ++placed[best];
    load_[best] += encoder_work(sides_, p);
  }
  for (std::size_t i = dynamic_end_; i < llm_.by_forward.size(); ++i)
    own_[rank_of_[llm_.by_forward[i]]].push_back(llm_.by_forward[i]);
}

}  // namespace bigmac::hybrid
