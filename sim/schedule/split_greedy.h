// Automatic scheduling of pipelines whose backward is split into I and W. Private to the schedule room.
//
// Idea (Qi et al. 2024, 2401.10241, section 3.1: order by the clock of the real costs, fill idle time with W, respect a
// memory limit). Every rank is a machine on one clock. Whenever it is free it takes the best operation that is there;
// an operation is there when its input has arrived, and a forward only when the rank may hold one more activation.
// W runs when nothing else can, unless something is known to arrive so soon that waiting costs less.
//
// A *building block* (Qi et al. 2024, 2405.15362: one microbatch's passes at fixed instants, repeated at a
// fixed interval) keeps the greedy away from deadlock when memory is tight: a pass may overtake the block's order only
// if the rank could still return to that order without exceeding its limit. The block's earliest unfinished pass is
// therefore always allowed, and some rank always moves.
//
//   4 ranks, 1 chunk, the block of zb-h1: one microbatch, the next 3 units later; W wherever there is room
//   0  F......I
//   1  .F....I
//   2  ..F..I
//   3  ...FI
//
// Where we depart: several policies are tried (Policy), the best by iteration time, then by the longest rank, is kept.
// Every answer is a heuristic one: nothing here proves that no better order exists.
#pragma once

#include <array>
#include <optional>
#include <tuple>

#include "bigmac/schedule/llm_base.h"

namespace bigmac {

/// The passes of one rank that other ranks see: forwards of its chunks, then input gradients of its chunks.
inline constexpr std::uint32_t kPassClasses = 4;
constexpr std::uint32_t chunk_of(std::uint32_t pass) { return pass & 1; }
constexpr bool is_forward(std::uint32_t pass) { return pass < 2; }

/// [rank][pass class]: the instant of microbatch 0; microbatch m comes m intervals later.
struct BuildingBlock {
  std::int64_t interval = 0;
  std::vector<std::array<std::int64_t, kPassClasses>> instants;
};

/// One chunk: stage r on rank r. Two chunks: a V, rank r holds stages r and 2P-1-r.
struct VShape {
  std::uint32_t ranks, chunks;

  std::uint32_t stages() const { return ranks * chunks; }
  std::uint32_t stage(std::uint32_t rank, std::uint32_t chunk) const {
    return chunk == 0 ? rank : 2 * ranks - 1 - rank;
  }
  std::uint32_t rank_of(std::uint32_t stage) const { return stage < ranks ? stage : 2 * ranks - 1 - stage; }
  std::uint32_t chunk_at(std::uint32_t stage) const { return stage < ranks ? 0 : 1; }
};

enum class Preference : std::uint8_t {
  gradients,    ///< I before F; within each the block's order
  block,        ///< the block's order among what is there
  forwards,     ///< F before I
  strict,       ///< nothing but the block's next pass; idle time goes to W
  strict_warm,  ///< and, before the rank's first I, to forwards ahead of the block
  strict_spare  ///< and, where there is no W, to any pass ahead of the block
};

struct Policy {
  Preference preference = Preference::gradients;
  std::int64_t wait_percent = 50;             ///< W waits for a pass that arrives within this share of W's own time
  std::int64_t hold_percent = 0;              ///< F waits for an I that arrives within this share of F's own time
  std::vector<std::uint32_t> most_in_flight;  ///< by rank: F done, I not; empty: no such bound. One chunk only
};

struct SplitProblem {
  const Pipeline& pipeline;
  const CostTable& costs;
  VShape shape;
  std::vector<std::uint32_t> limits;  ///< by rank: chunks' activations held at once, from F to W; the block must fit
};

struct SplitRun {
  std::int64_t iteration = 0, longest_rank = 0, idle = 0;  ///< longest from a rank's first start to its last end
  RankOrders orders;                                       ///< empty unless asked for

  bool better_than(const SplitRun& other) const {
    return std::tie(iteration, longest_rank, idle) < std::tie(other.iteration, other.longest_rank, other.idle);
  }
};

/// Runs the greedy over the first `microbatches`; `keep` asks for the orders.
SplitRun run_split_greedy(const SplitProblem& problem, const BuildingBlock& block, const Policy& policy,
                          std::uint32_t microbatches, bool keep);

/// Tries the blocks under several policies on a prefix of the microbatches and builds the whole with the best.
SplitRun best_split_run(const SplitProblem& problem, const std::vector<BuildingBlock>& blocks, std::uint32_t prefix);

/// The published greedy (one chunk), its eight variants tried on the prefix; nothing where memory is too tight for it.
std::optional<SplitRun> best_round_run(const SplitProblem& problem, std::uint32_t prefix);

/// How many microbatches the trials see: enough for warm-up, steady state and cool-down, all where that is cheap.
std::uint32_t trial_microbatches(const SplitProblem& problem);

// Blocks of one unit an operation.
BuildingBlock line_block(std::uint32_t ranks);
BuildingBlock zb_v_block(std::uint32_t ranks);
BuildingBlock v_half_block(std::uint32_t ranks);
BuildingBlock v_min_block(std::uint32_t ranks);

/// Two chunks in a V under `limit` whole microbatches (two chunks each) on every rank.
RankOrders v_orders(const BaseRequest& request, std::uint32_t limit, const std::vector<BuildingBlock>& blocks);

}  // namespace bigmac
