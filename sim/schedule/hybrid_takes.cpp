#include "hybrid_takes.h"

#include <algorithm>

namespace bigmac::hybrid {
namespace {

constexpr std::uint32_t kPlacedGroups = 3, kMostPlaced = 4;
constexpr std::int64_t kClosed = INT64_MAX / 4;

std::int64_t encoder_work(const Sides& sides, std::uint32_t position) {
  return sides.forward.position_total(position) +
         (sides.backward.empty() ? 0 : sides.backward.position_total(position));
}

}  // namespace

Takes::Takes(const LlmClock& llm, const Sides& sides, const Placement& placement, const FillRules& rules)
    : llm_(llm), sides_(sides) {
  const std::uint32_t pipelines = llm.ranks() / sides.forward.stages();
  own_.resize(pipelines), own_front_.assign(pipelines, 0), load_.assign(pipelines, 0);
  if (sides.forward.empty()) return;
  const std::size_t count = llm.by_forward.size();
  if (!rules.dynamic) {
    pipeline_of_ = placement.encoder;
    for (const std::uint32_t p : llm.by_forward) own_[pipeline_of_[p]].push_back(p);
    return;
  }
  pipeline_of_.assign(count, 0);
  for (std::uint32_t p = 0; p < count; ++p) mean_ += encoder_work(sides, p);
  open_ = pipelines;
  for (std::uint32_t q = 0; q < pipelines && rules.by_rank != nullptr; ++q)
    if (rules.by_rank->encoder[q * sides.forward.stages()] == 0) load_[q] = kClosed, --open_;
  mean_ /= open_;
  const std::size_t placed = std::size_t{kPlacedGroups} * llm.ranks();
  dynamic_end_ = count > placed ? count - placed : 0;
  if (dynamic_end_ == 0) place_rest();
}

std::uint32_t Takes::next(std::uint32_t pipeline, std::int64_t now, std::int64_t slip) const {
  if (cursor_ < dynamic_end_) {
    const std::uint32_t p = llm_.by_forward[cursor_];
    const bool due = now + sides_.forward.position_total(p) >= llm_.forward_due[p] + slip;
    return due || within_mean(pipeline, p) ? p : kNone;
  }
  return own_front_[pipeline] < own_[pipeline].size() ? own_[pipeline][own_front_[pipeline]] : kNone;
}

bool Takes::within_mean(std::uint32_t pipeline, std::uint32_t position) const {
  return load_[pipeline] + encoder_work(sides_, position) / 2 <= mean_;
}

void Takes::take(std::uint32_t pipeline, std::uint32_t position) {
  ++own_front_[pipeline];
  if (cursor_ >= dynamic_end_) return;
  own_[pipeline].push_back(position);
  pipeline_of_[position] = pipeline;
  load_[pipeline] += encoder_work(sides_, position);
  if (++cursor_ == dynamic_end_) place_rest();
}

void Takes::place_rest() {
  std::vector<std::uint32_t> rest(llm_.by_forward.begin() + static_cast<std::ptrdiff_t>(dynamic_end_),
                                  llm_.by_forward.end());
  std::stable_sort(rest.begin(), rest.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return encoder_work(sides_, a) > encoder_work(sides_, b); });
  std::vector<std::uint32_t> placed(own_.size(), 0);
  const auto share = static_cast<std::uint32_t>((rest.size() + open_ - 1) / open_);
  const std::uint32_t most = std::max(share, kMostPlaced * sides_.forward.stages());
  for (const std::uint32_t p : rest) {
    std::uint32_t best = kNone;
    for (std::uint32_t q = 0; q < own_.size(); ++q)
      if (load_[q] < kClosed && placed[q] < most && (best == kNone || load_[q] < load_[best])) best = q;
    pipeline_of_[p] = best;
    ++placed[best];
    load_[best] += encoder_work(sides_, p);
  }
  for (std::size_t i = dynamic_end_; i < llm_.by_forward.size(); ++i)
    own_[pipeline_of_[llm_.by_forward[i]]].push_back(llm_.by_forward[i]);
}

}  // namespace bigmac::hybrid
