// What a step of hybrid's local search may change. Private to the schedule room.
//
// Rules and LLM order; which microbatch stands where; which rank runs what. A rank fits what it is dealt in three ways:
// by how much it is, by how much of it is forwards (high ranks idle little before they must be done, low ranks more
// than they need), and by when its backwards are released. So besides exchanging two pieces of work
//   - two ranks exchange all that they were dealt, which leaves every sum as it was;
//   - one piece is exchanged for two, and of a few such exchanges the one is taken that leaves both most even;
//   - two microbatches of one rank exchange their positions, which changes nothing but when.
// Half of the changes begin at the rank that ends last.
//
// 4 ranks, one microbatch as dear as all else of a rank: exchanging single pieces moves it nowhere without unbalancing
// two ranks; exchanging what the two were dealt does.
#pragma once

#include "bigmac/base/random.h"
#include "hybrid_setup.h"

namespace bigmac::hybrid {

/// One fill's choices, in full.
struct Point {
  std::vector<MicrobatchId> order;
  Sides sides;
  Placement placement;
  FillRules rules;  ///< without the limit
  std::size_t llm = 0;
};

class Moves {
 public:
  Moves(const Pipeline& pipeline, const Sides& sides, std::size_t llm_orders, std::uint64_t seed);

  /// Whether all microbatches cost the same: exchanging them changes nothing, and only single pieces change places.
  bool alike() const { return alike_; }
  /// Changes one thing of `point`, whose rank `last` ends last.
  void change(Point& point, std::uint32_t last);

 private:
  using Places = std::vector<std::uint32_t>;

  void change_stages(Placement& placement);
  void change_rules(FillRules& rules);
  void exchange_positions(Point& point);
  void change_places(Point& point, Places& places, std::uint32_t last);
  void move_or_exchange(const Point& point, Places& places, std::uint32_t last);
  void even_out(const Point& point, Places& places, std::uint32_t p);
  void exchange_all(Places& places, std::uint32_t last);
  void exchange_for_two(const Point& point, Places& places, std::uint32_t last);
  void reorder(Point& point, const Places& places, std::uint32_t last);

  std::uint32_t any(std::uint32_t below);
  std::uint32_t near(std::uint32_t position);
  std::uint32_t width(const Point& point, const Places& places) const;
  std::uint32_t critical(std::uint32_t last, std::uint32_t count);

  std::uint32_t ranks_, stages_, count_, llm_orders_;
  bool alike_;
  Random random_;
};

}  // namespace bigmac::hybrid
