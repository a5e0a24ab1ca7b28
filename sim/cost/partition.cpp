// Exact partition by dynamic programming (the form of Sun et al. 2024, AdaPipe, ASPLOS '24, section 5: partition and
// recomputation chosen together; there stages differ in live microbatches alone).
//
// best(s, i): the least possible work of the dearest of stages 0 .. s-1 when they hold layers 0 .. i-1.
//   best(0, 0) = 0,  best(s, i) = min over j < i of max(best(s-1, j), work(s, j, i)),
// work(s, j, i) being infinite where layers j .. i-1 do not fit stage s. Proof: a partition of 0 .. i-1 into s stages
// has a last stage j .. i-1 for some j, its dearest stage is the maximum of that one and of the rest, which is a
// partition of 0 .. j-1 into s-1 stages; the maximum grows with the rest, so the best rest serves, and what a stage may
// hold depends on its own layers alone. Induction over s.
//
// Again. Of a stage's layers that may run again the first n do, n the least that fits. Where such layers are alike, as
// in a transformer, any n of them do the same, so the least n is the least work.
//
// What is minimised is the dearest stage's F + I + W: with one chunk a rank, the steady-state pace, one microbatch each
// max_s work(s), so that M microbatches take M max_s work(s) and less than one passage through the other stages.
//
//   4 ranks, V = 1, M >= 4 (live 4 3 2 1), 8 layers of work 1, state 1, kept 1, room 10: 2 layers need 2 + 2 x live =
//   10 8 6 4, all fit: 2 2 2 2, pace 2. Room 9: stage 0 takes one layer (1 + 4 x 1), 7 are left for three stages: 1 1 3
//   3, pace 3. Where a layer may run again (kept 0.2, work 4/3), stage 0 needs 2 + 4 x 1.2 = 6.8 with one of its two:
//   2 2 2 2, pace 1 + 4/3.
//
// The inner loop walks j down from i and ends when the stage alone is as dear as the best found, or can no longer fit:
// both only grow. So it takes about the layers of a stage, not of the model.
#include "bigmac/cost/partition.h"

#include <algorithm>
#include <limits>

namespace bigmac {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

/// A stage grown from its last layer towards its first.
class GrowingStage {
 public:
  GrowingStage(const std::vector<PartitionLayer>& layers, const PartitionStage& stage, std::uint32_t end)
      : layers_(layers), stage_(stage), begin_(end), end_(end) {}

  void take_one_more() {
    const PartitionLayer& layer = layers_[--begin_];
    work_ += layer.work;
    state_ += layer.state;
    kept_ += layer.kept;
    transient_ = std::max(transient_, layer.transient);
    least_kept_ += layer.again ? std::min(layer.kept, layer.again->kept) : layer.kept;
  }

  std::uint32_t begin() const { return begin_; }
  /// Work without running anything again: a lower bound that grows with the stage.
  std::int64_t least_work() const { return work_; }
  bool can_fit() const { return state_ + stage_.live * least_kept_ + transient_ <= stage_.room; }

  /// Work and how many layers run again, or kNever where it does not fit.
  std::pair<std::int64_t, std::uint32_t> fitted() const {
    if (state_ + stage_.live * kept_ + transient_ <= stage_.room) return {work_, 0};
    std::int64_t work = work_;
    double kept = kept_;
    std::uint32_t count = 0;
    double transient = transient_;
    for (std::uint32_t i = begin_; i < end_; ++i) {
      const PartitionLayer& layer = layers_[i];
      if (!layer.again) continue;
      ++count;
      work += layer.again->work - layer.work;
      kept += layer.again->kept - layer.kept;
      transient = std::max(transient, layer.again->transient);
      if (state_ + stage_.live * kept + transient <= stage_.room) return {work, count};
    }
    return {kNever, 0};
  }

 private:
  const std::vector<PartitionLayer>& layers_;
  const PartitionStage& stage_;
  std::uint32_t begin_, end_;
  std::int64_t work_ = 0;
  double state_ = 0, kept_ = 0, transient_ = 0, least_kept_ = 0;
};

class Partitioner {
 public:
  Partitioner(const std::vector<PartitionLayer>& layers, const std::vector<PartitionStage>& stages)
      : layers_(layers),
        stages_(stages),
        count_(static_cast<std::uint32_t>(layers.size())),
        width_(layers.size() + 1),
        best_((stages.size() + 1) * width_, kNever) {}

  std::optional<PartitionPlan> run() {
    const auto stages = static_cast<std::uint32_t>(stages_.size());
    if (stages == 0 || count_ < stages) return std::nullopt;
    best(0, 0) = 0;
    for (std::uint32_t s = 1; s <= stages; ++s)
      for (std::uint32_t end = s; end + (stages - s) <= count_; ++end) best(s, end) = best_with_last(s, end);
    if (best(stages, count_) == kNever) return std::nullopt;
    return followed_back(stages);
  }

 private:
  std::int64_t& best(std::uint32_t s, std::uint32_t i) { return best_[s * width_ + i]; }

  std::int64_t best_with_last(std::uint32_t s, std::uint32_t end) {
    std::int64_t least = kNever;
    GrowingStage stage(layers_, stages_[s - 1], end);
    while (stage.begin() >= s) {
      stage.take_one_more();
      if (stage.least_work() >= least || !stage.can_fit()) break;
      const std::int64_t before = best(s - 1, stage.begin());
      if (before < least) least = std::min(least, std::max(before, stage.fitted().first));
    }
    return least;
  }

  // From the last stage back, each as full as the best allows.
  PartitionPlan followed_back(std::uint32_t stages) {
    PartitionPlan out;
    out.slowest = best(stages, count_);
    out.first.assign(stages + 1, 0);
    out.again.assign(stages, 0);
    std::uint32_t end = out.first[stages] = count_;
    for (std::uint32_t s = stages; s > 0; --s) {
      GrowingStage stage(layers_, stages_[s - 1], end);
      std::uint32_t begin = end;
      while (stage.begin() >= s) {
        stage.take_one_more();
        if (stage.least_work() > out.slowest || !stage.can_fit()) break;
        const auto [work, again] = stage.fitted();
        if (work > out.slowest || best(s - 1, stage.begin()) > out.slowest) continue;
        begin = stage.begin();
        out.again[s - 1] = again;
      }
      out.first[s - 1] = end = begin;
    }
    return out;
  }

  const std::vector<PartitionLayer>& layers_;
  const std::vector<PartitionStage>& stages_;
  std::uint32_t count_;
  std::size_t width_;
  std::vector<std::int64_t> best_;  // (stage, layers)
};

}  // namespace

std::optional<PartitionPlan> partition_within(const std::vector<PartitionLayer>& layers,
                                              const std::vector<PartitionStage>& stages) {
  return Partitioner(layers, stages).run();
}

}  // namespace bigmac
