#include "hybrid_placement.h"

#include <algorithm>
#include <numeric>

namespace bigmac::hybrid {
namespace {

using Loads = std::vector<std::int64_t>;  // by rank, or by position

Loads side_weights(const Pipeline& pipeline, const CostTable& costs, bool encoders, bool generators,
                   std::initializer_list<OpKind> kinds = {OpKind::forward, OpKind::backward}) {
  Loads weights(pipeline.microbatches, 0);
  const auto add = [&](const std::vector<ModuleId>& modules) {
    for (const ModuleId module : modules)
      for (std::uint32_t m = 0; m < weights.size(); ++m)
        for (const OpKind kind : kinds)
          if (kind == OpKind::forward || pipeline.modules[module].backward)
            for (std::uint16_t stage = 0; stage < pipeline.modules[module].stages; ++stage)
              weights[m] += costs.duration[costs.slot(module, kind, StageId{stage}, MicrobatchId{m})].value;
  };
  if (encoders) add(pipeline.encoders);
  if (generators) add(pipeline.generators);
  return weights;
}

Loads encoder_weights(const Sides& sides, std::uint32_t count) {
  Loads out(count, 0);
  for (std::uint32_t p = 0; p < count; ++p) {
    if (!sides.forward.empty()) out[p] += sides.forward.position_total(p);
    if (!sides.backward.empty()) out[p] += sides.backward.position_total(p);
  }
  return out;
}

Loads generator_weights(const Sides& sides, std::uint32_t count) {
  Loads out(count, 0);
  if (!sides.generator.empty())
    for (std::uint32_t p = 0; p < count; ++p) out[p] = sides.generator.total(p);
  return out;
}

std::int64_t sum(const Loads& loads) { return std::accumulate(loads.begin(), loads.end(), std::int64_t{0}); }

/// The height of what is closed, and the target of it.
constexpr std::int64_t kClosed = INT64_MAX / 4, kNothing = -1;

/// max(0, level - height[r]) with the level at which these add up to `total`: water poured over the heights.
Loads pour(const Loads& heights, std::int64_t total) {
  Loads sorted = heights;
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::find(sorted.begin(), sorted.end(), kClosed), sorted.end());
  std::int64_t level = sorted[0], below = 0;
  for (std::size_t k = 1; k <= sorted.size(); ++k) {
    below += sorted[k - 1];
    level = (total + below) / static_cast<std::int64_t>(k);
    if (k == sorted.size() || level <= sorted[k]) break;
  }
  Loads out;
  for (const std::int64_t height : heights)
    out.push_back(height == kClosed ? kNothing : std::max<std::int64_t>(0, level - height));
  return out;
}

/// Deals pieces to ranks group by group, each to the rank furthest behind its target.
class Dealer {
 public:
  Dealer(const Loads& weights, const Loads& targets) : weights_(weights), targets_(targets), dealt_(targets.size(), 0) {
    total_ = std::max<std::int64_t>(1, sum(weights));
  }

  /// Positions [begin, end), at most `most` of them to a rank.
  void deal(std::uint32_t begin, std::uint32_t end, std::uint32_t most, std::vector<std::uint32_t>& ranks) {
    left_.assign(targets_.size(), most);
    std::vector<std::uint32_t> heaviest(end - begin);
    std::iota(heaviest.begin(), heaviest.end(), begin);
    std::stable_sort(heaviest.begin(), heaviest.end(),
                     [&](std::uint32_t a, std::uint32_t b) { return weights_[a] > weights_[b]; });
    for (const std::uint32_t p : heaviest) due_ += static_cast<double>(weights_[p]) / static_cast<double>(total_);
    for (const std::uint32_t p : heaviest) {
      const std::uint32_t best = furthest_behind();
      ranks[p] = best;
      --left_[best];
      dealt_[best] += weights_[p];
    }
  }

 private:
  std::uint32_t furthest_behind() const {
    std::uint32_t best = kNone;
    for (std::uint32_t r = 0; r < targets_.size(); ++r)
      if (targets_[r] != kNothing && left_[r] > 0 && (best == kNone || behind(r) > behind(best))) best = r;
    return best;
  }
  double behind(std::uint32_t r) const {
    return due_ * static_cast<double>(targets_[r]) - static_cast<double>(dealt_[r]);
  }

  const Loads& weights_;
  Loads targets_;
  Loads dealt_;
  std::vector<std::uint32_t> left_;
  double due_ = 0;
  std::int64_t total_ = 1;
};

std::vector<std::uint32_t> deal_all(std::uint32_t group, const Loads& weights, const Loads& targets,
                                    std::uint32_t most = kNone) {
  std::vector<std::uint32_t> ranks(weights.size(), 0);
  Dealer dealer(weights, targets);
  const auto count = static_cast<std::uint32_t>(weights.size());
  for (std::uint32_t begin = 0; begin < count; begin += group)
    dealer.deal(begin, std::min(count, begin + group), most, ranks);
  return ranks;
}

Loads loads_of(const Loads& weights, const std::vector<std::uint32_t>& ranks, std::size_t count) {
  Loads out(count, 0);
  for (std::size_t p = 0; p < weights.size(); ++p) out[ranks[p]] += weights[p];
  return out;
}

/// Moves encoders to the rank with least, and swaps the ranks of those at most two groups apart, while the sum of
/// squared loads falls.
void polish(std::uint32_t group, const Loads& weights, Loads loads, std::vector<std::uint32_t>& ranks) {
  for (int round = 0; round < 4; ++round) {
    bool better = false;
    for (std::size_t p = 0; p < ranks.size(); ++p) {
      const auto least = static_cast<std::uint32_t>(std::min_element(loads.begin(), loads.end()) - loads.begin());
      if (weights[p] > 0 && loads[least] + weights[p] < loads[ranks[p]]) {
        loads[ranks[p]] -= weights[p], loads[least] += weights[p];
        ranks[p] = least;
        better = true;
      }
      for (std::size_t q = p + 1; q < std::min(ranks.size(), p + 2 * group); ++q) {
        const std::int64_t moved = weights[p] - weights[q];
        if (ranks[p] == ranks[q] || moved == 0) continue;
        // (a - d)^2 + (b + d)^2 < a^2 + b^2  <=>  d (d + b - a) < 0
        const std::int64_t gap = moved + loads[ranks[q]] - loads[ranks[p]];
        if (moved > 0 ? gap >= 0 : gap <= 0) continue;
        loads[ranks[p]] -= moved, loads[ranks[q]] += moved;
        std::swap(ranks[p], ranks[q]);
        better = true;
      }
    }
    if (!better) return;
  }
}

Loads plus(Loads a, const Loads& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != kClosed) a[i] += b[i];
  return a;
}

/// Closed where not open.
Loads close(Loads heights, const std::vector<bool>& open) {
  for (std::size_t i = 0; i < heights.size(); ++i)
    if (!open[i]) heights[i] = kClosed;
  return heights;
}

/// Encoders over what is there already, by rank; to ranks, or to pipelines of as many ranks as encoders have stages.
std::vector<std::uint32_t> place_encoders(std::uint32_t stages, const Loads& weights, const Loads& by_rank) {
  const auto group = static_cast<std::uint32_t>(by_rank.size());
  Loads heights(group / stages, 0);
  for (std::uint32_t r = 0; r < group; ++r)
    heights[r / stages] = by_rank[r] == kClosed ? kClosed : heights[r / stages] + by_rank[r];
  std::vector<std::uint32_t> places = deal_all(group, weights, pour(heights, sum(weights)));
  polish(group, weights, plus(heights, loads_of(weights, places, heights.size())), places);
  return places;
}

/// What a rank does of encoders whatever its pipeline is dealt: with several stages, its own of an even share.
Loads encoder_stage_work(const Pipeline& pipeline, const Sides& sides, std::uint32_t turned) {
  Loads out(pipeline.ranks, 0);
  const std::uint32_t stages = sides.forward.stages(), pipelines = pipeline.ranks / stages;
  if (stages == 1) return out;
  Loads by_stage(stages, 0);
  for (std::uint32_t piece = 0; piece < pipeline.microbatches * stages; ++piece)
    by_stage[piece % stages] += sides.forward.total(piece) + (sides.backward.empty() ? 0 : sides.backward.total(piece));
  const Placement placement{{}, {}, turned};
  for (std::uint32_t q = 0; q < pipelines; ++q)
    for (std::uint32_t s = 0; s < stages; ++s) out[placement.encoder_rank(q, s, stages)] = by_stage[s] / pipelines;
  return out;
}

std::vector<std::uint32_t> lightest_first(const Loads& weights) {
  std::vector<std::uint32_t> sorted(weights.size());
  std::iota(sorted.begin(), sorted.end(), 0u);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return weights[a] < weights[b]; });
  return sorted;
}

/// From the lightest on dealt to the end, the front and the end in turn: the heaviest after a third. Light ends keep
/// what comes before the first forward and after the last gradient short, which is all that the LLM must be late by; a
/// heavy microbatch's backward, longer than its forward, has most of the time before it. What is light at the front and
/// at the end may be told apart, as Johnson's rule does (1954, two machines: short first passes begin, short second
/// passes end). The identity where all weigh the same.
std::vector<MicrobatchId> peak_order(const Loads& at_front, const Loads& at_end) {
  const std::vector<std::uint32_t> by_front = lightest_first(at_front), by_end = lightest_first(at_end);
  const std::size_t count = by_front.size();
  std::vector<MicrobatchId> out(count);
  for (std::uint32_t m = 0; m < count; ++m) out[m] = MicrobatchId{m};
  const auto equal = [](const Loads& loads) { return std::equal(loads.begin() + 1, loads.end(), loads.begin()); };
  if (count == 0 || (equal(at_front) && equal(at_end))) return out;
  std::vector<bool> dealt(count, false);
  const auto lightest_left = [&](const std::vector<std::uint32_t>& sorted, std::size_t& from) {
    while (dealt[sorted[from]]) ++from;
    dealt[sorted[from]] = true;
    return MicrobatchId{sorted[from]};
  };
  std::size_t front = 0, back = count, from_front = 0, from_end = 0;
  for (std::size_t i = 0; i < count; ++i)
    if (i % 3 == 1) out[front++] = lightest_left(by_front, from_front);
    else out[--back] = lightest_left(by_end, from_end);
  return out;
}

Placement with_generators(std::uint32_t stages, const Loads& encoder, const Loads& generator, const Loads& llm,
                          const Loads& generator_heights) {
  Placement out;
  const auto group = static_cast<std::uint32_t>(llm.size());
  out.generator = deal_all(group, generator, pour(generator_heights, sum(generator)));
  out.encoder = place_encoders(stages, encoder, plus(llm, loads_of(generator, out.generator, llm.size())));
  return out;
}

/// Values of Placement::turned: 0, 1, 2, 4, ... and S-1.
std::vector<std::uint32_t> turns(std::uint32_t stages) {
  std::vector<std::uint32_t> out = {0};
  for (std::uint32_t turned = 1; turned + 1 < stages; turned *= 2) out.push_back(turned);
  if (stages > 1) out.push_back(stages - 1);
  return out;
}

}  // namespace

std::vector<std::vector<MicrobatchId>> candidate_orders(const Pipeline& pipeline, const CostTable& costs) {
  std::vector<std::vector<MicrobatchId>> out;
  const auto add = [&](const Loads& at_front, const Loads& at_end) {
    auto order = peak_order(at_front, at_end);
    if (std::find(out.begin(), out.end(), order) == out.end()) out.push_back(std::move(order));
  };
  const auto add_by = [&](bool encoders, bool generators) {
    const Loads weights = side_weights(pipeline, costs, encoders, generators);
    add(weights, weights);
  };
  const bool encoders = !pipeline.encoders.empty(), generators = !pipeline.generators.empty();
  add_by(false, false);
  if (generators) add_by(false, true);
  if (encoders) add_by(true, generators);
  if (encoders && !generators)
    add(side_weights(pipeline, costs, true, false, {OpKind::forward}),
        side_weights(pipeline, costs, true, false, {OpKind::backward}));
  return out;
}

std::vector<Placement> candidate_placements(const Pipeline& pipeline, const Sides& sides,
                                            const std::vector<std::int64_t>& llm_work, std::int64_t pace,
                                            const std::vector<bool>& open) {
  const std::uint32_t ranks = pipeline.ranks, count = pipeline.microbatches, stages = pipeline.encoder_stages();
  const Loads encoder = encoder_weights(sides, count), generator = generator_weights(sides, count);
  std::vector<Placement> out;
  const auto add = [&](Placement placement, std::uint32_t turned) {
    placement.turned = turned;
    placement.head = turned == 0 ? 0 : stages + turned;
    out.push_back(std::move(placement));
  };
  for (const std::uint32_t turned : turns(stages)) {
    if (sides.generator.empty()) {
      for (const int quarters : {0, 1}) {
        if (quarters > 0 && stages == ranks && ranks > 1) break;  // nothing to deal
        Loads heights = llm_work;
        for (std::uint32_t r = 0; r < ranks; ++r)
          heights[r] += quarters * static_cast<std::int64_t>(ranks - 1 - r) * pace / 4;
        add({place_encoders(stages, encoder, close(std::move(heights), open)), {}}, turned);
      }
      continue;
    }
    const Loads encoder_stages = encoder_stage_work(pipeline, sides, turned);
    for (const int quarters : {0, 1, 2, 4}) {
      Loads heights = plus(llm_work, encoder_stages);
      for (std::uint32_t r = 0; r < ranks; ++r) heights[r] += quarters * static_cast<std::int64_t>(r) * pace / 4;
      add(with_generators(stages, encoder, generator, close(llm_work, open), close(std::move(heights), open)), turned);
    }
    // Of each group one to a rank: a rank that is dealt more of the first ones than it may hold waits for ever.
    if (stages > 1) continue;
    Placement even = out[out.size() - 4];
    const auto places = static_cast<std::uint32_t>(std::count(open.begin(), open.end(), true));
    const Loads heights = close(plus(llm_work, loads_of(generator, even.generator, ranks)), open);
    even.encoder = deal_all(ranks, encoder, pour(heights, sum(encoder)), (ranks + places - 1) / places);
    add(std::move(even), turned);
  }
  return out;
}

}  // namespace bigmac::hybrid
