#include "hybrid_moves.h"

#include <algorithm>

namespace bigmac::hybrid {
namespace {

constexpr int kTries = 8;       // exchanges compared before one is taken
constexpr int kMoreTries = 16;  // of one piece for two

std::int64_t encoder_work(const Sides& sides, std::uint32_t piece) {
  return sides.forward.total(piece) + (sides.backward.empty() ? 0 : sides.backward.total(piece));
}

std::int64_t weight(const Sides& sides, bool encoder, std::uint32_t p) {
  if (!encoder) return sides.generator.total(p);
  return sides.forward.position_total(p) + (sides.backward.empty() ? 0 : sides.backward.position_total(p));
}

/// Side work by place, each of `width` ranks.
std::vector<std::int64_t> side_loads(const Point& point, std::size_t places, std::uint32_t width,
                                     std::uint32_t stages) {
  std::vector<std::int64_t> loads(places, 0);
  for (std::uint32_t p = 0; p < point.order.size(); ++p) {
    for (std::uint32_t s = 0; s < stages && !point.placement.encoder.empty(); ++s)
      loads[point.placement.encoder_rank(point.placement.encoder[p], s, stages) / width] +=
          encoder_work(point.sides, p * stages + s);
    if (!point.placement.generator.empty())
      loads[point.placement.generator[p] / width] += weight(point.sides, false, p);
  }
  return loads;
}

/// Whether exchanging two positions changes nothing.
bool all_alike(const Sides& sides, std::uint32_t count) {
  for (const SideWork* work : {&sides.forward, &sides.backward, &sides.generator})
    for (std::uint32_t p = 1; p < count && !work->empty(); ++p)
      if (work->position_total(p) != work->position_total(0)) return false;
  return true;
}

std::vector<std::uint32_t> dealt_to(const std::vector<std::uint32_t>& places, std::uint32_t place) {
  std::vector<std::uint32_t> out;
  for (std::uint32_t p = 0; p < places.size(); ++p)
    if (places[p] == place) out.push_back(p);
  return out;
}

}  // namespace

Moves::Moves(const Pipeline& pipeline, const Sides& sides, std::size_t llm_orders, std::uint64_t seed)
    : ranks_(pipeline.ranks),
      stages_(pipeline.encoder_stages()),
      count_(pipeline.microbatches),
      llm_orders_(static_cast<std::uint32_t>(llm_orders)),
      alike_(all_alike(sides, pipeline.microbatches)),
      random_(seed) {}

void Moves::change(Point& point, std::uint32_t last) {
  // A single encoder pipeline leaves nothing to deal, and positions that are alike nothing to exchange.
  const bool encoders = !point.placement.encoder.empty() && stages_ < ranks_;
  const bool generators = !point.placement.generator.empty();
  const std::uint32_t die = any(alike_ ? 16 : 32);
  if (die == 0 || (alike_ && !encoders && !generators)) {
    if (stages_ > 1 && any(2) == 0) change_stages(point.placement);
    else if (any(7) < 2) point.llm = any(llm_orders_);
    else change_rules(point.rules);
  } else if (die <= 4 || (!encoders && !generators)) {
    exchange_positions(point);
  } else {
    const bool of_encoders = encoders && (!generators || any(11) < 7);
    change_places(point, of_encoders ? point.placement.encoder : point.placement.generator, last);
  }
}

void Moves::change_stages(Placement& placement) {
  if (any(2) == 0) placement.turned = any(stages_);
  placement.head = any(4) == 0 ? 0 : stages_ + placement.turned + any(stages_) - any(stages_) / 2;
}

void Moves::change_rules(FillRules& rules) {
  switch (any(6)) {
    case 0: rules.eager = !rules.eager; break;
    case 1: rules.descending = !rules.descending; break;
    case 2: rules.margin = static_cast<std::uint8_t>(any(7)); break;
    case 3: rules.lead = static_cast<std::uint8_t>(any(17)); break;
    case 4: rules.llm_extra = any(5) * ranks_ / 4; break;
    default: rules.ahead = !rules.ahead;
  }
}

/// Places stay with the microbatch or with the position.
void Moves::exchange_positions(Point& point) {
  const std::uint32_t p = any(count_), q = any(2) == 0 ? any(count_) : near(p);
  std::swap(point.order[p], point.order[q]);
  point.sides.swap(p, q);
  if (any(2) == 0) return;
  for (Places* places : {&point.placement.encoder, &point.placement.generator})
    if (!places->empty()) std::swap((*places)[p], (*places)[q]);
}

void Moves::change_places(Point& point, Places& places, std::uint32_t last) {
  const std::uint32_t die = alike_ ? 27 : any(28), of_last = last / width(point, places);
  if (die < 4) exchange_all(places, of_last);
  else if (die < 10) exchange_for_two(point, places, of_last);
  else if (die < 17) reorder(point, places, of_last);
  else move_or_exchange(point, places, of_last);
}

void Moves::move_or_exchange(const Point& point, Places& places, std::uint32_t last) {
  std::uint32_t p = any(count_);
  if (any(2) == 0)
    for (std::uint32_t tries = 0; tries < 2 * ranks_ && places[p] != last; ++tries) p = any(count_);
  if (any(2) == 0) even_out(point, places, p);
  else if (any(4) == 0) places[p] = any(ranks_ / width(point, places));
  else std::swap(places[p], places[near(p)]);
}

/// Of a few exchanges of p's place with another position's, the one that leaves the two places' side work most even.
void Moves::even_out(const Point& point, Places& places, std::uint32_t p) {
  const bool encoder = &places == &point.placement.encoder;
  const std::uint32_t wide = width(point, places);
  const std::vector<std::int64_t> loads = side_loads(point, ranks_ / wide, wide, stages_);
  std::uint32_t best = p;
  std::int64_t least = INT64_MAX;
  for (int tries = 0; tries < kTries; ++tries) {
    const std::uint32_t q = any(2) == 0 ? any(count_) : near(p);
    if (places[q] == places[p]) continue;
    const std::int64_t moved = weight(point.sides, encoder, p) - weight(point.sides, encoder, q);
    const std::int64_t gap = std::abs(loads[places[p]] - loads[places[q]] - 2 * moved);
    if (gap < least) least = gap, best = q;
  }
  std::swap(places[p], places[best]);
}

void Moves::exchange_all(Places& places, std::uint32_t last) {
  const std::uint32_t count = *std::max_element(places.begin(), places.end()) + 1;
  const std::uint32_t a = critical(last, count), b = any(count);
  for (std::uint32_t& place : places) place = place == a ? b : place == b ? a : place;
}

void Moves::exchange_for_two(const Point& point, Places& places, std::uint32_t last) {
  const bool encoder = &places == &point.placement.encoder;
  const std::uint32_t wide = width(point, places), count = ranks_ / wide, here = critical(last, count);
  const std::vector<std::int64_t> loads = side_loads(point, count, wide, stages_);
  const std::vector<std::uint32_t> own = dealt_to(places, here);
  std::int64_t least = INT64_MAX;
  std::uint32_t one = 0, first = 0, second = 0;
  for (int tries = 0; tries < kMoreTries; ++tries) {
    const std::uint32_t there = any(count);
    const std::vector<std::uint32_t> others = dealt_to(places, there);
    const bool gives_one = any(2) == 0;
    const std::vector<std::uint32_t>&single = gives_one ? own : others, &pair = gives_one ? others : own;
    if (here == there || single.empty() || pair.size() < 2) continue;
    const auto pairs = static_cast<std::uint32_t>(pair.size());
    const std::uint32_t p = single[any(static_cast<std::uint32_t>(single.size()))], i = any(pairs);
    const std::uint32_t q = pair[i], q2 = pair[(i + 1 + any(pairs - 1)) % pairs];
    const std::int64_t moved =
        weight(point.sides, encoder, p) - weight(point.sides, encoder, q) - weight(point.sides, encoder, q2);
    const std::int64_t gap = std::abs(loads[places[p]] - loads[places[q]] - 2 * moved);
    if (gap < least) least = gap, one = p, first = q, second = q2;
  }
  if (least == INT64_MAX) return;
  const std::uint32_t to = places[first];
  places[first] = places[second] = places[one];
  places[one] = to;
}

void Moves::reorder(Point& point, const Places& places, std::uint32_t last) {
  const std::vector<std::uint32_t> own = dealt_to(places, critical(last, ranks_ / width(point, places)));
  if (own.size() < 2) return;
  const auto count = static_cast<std::uint32_t>(own.size());
  const std::uint32_t p = own[any(count)], q = own[any(count)];
  std::swap(point.order[p], point.order[q]);
  point.sides.swap(p, q);
}

std::uint32_t Moves::any(std::uint32_t below) {
  return static_cast<std::uint32_t>(random_.integer(0, std::int64_t{below} - 1));
}

/// Another position, mostly of the same group or the next.
std::uint32_t Moves::near(std::uint32_t p) {
  if (any(8) == 0) return any(count_);
  const std::uint32_t low = p > ranks_ ? p - ranks_ : 0, high = std::min(count_ - 1, p + ranks_);
  return low + any(high - low + 1);
}

/// How many ranks share what is placed: an encoder pipeline's, or one.
std::uint32_t Moves::width(const Point& point, const Places& places) const {
  return &places == &point.placement.encoder ? stages_ : 1;
}

std::uint32_t Moves::critical(std::uint32_t last, std::uint32_t count) { return any(2) == 0 ? last : any(count); }

}  // namespace bigmac::hybrid
