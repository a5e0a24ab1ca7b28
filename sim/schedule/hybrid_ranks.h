// What a fill knows of each rank. Private to the schedule room.
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

#include "hybrid_fill.h"

namespace bigmac::hybrid {

/// The piece of work a rank has begun and may put aside between slices.
struct Begun {
  std::uint32_t piece = kNone;
  std::uint32_t next = 0;     // slice
  std::uint32_t running = 0;  // slices, from there on
  bool any() const { return piece != kNone; }
};

/// Pieces that became possible, in that order, each with the time from which its inputs are there.
struct Released {
  std::vector<std::pair<std::uint32_t, std::int64_t>> items;
  std::size_t front = 0;
  bool any(std::int64_t now) const { return front < items.size() && items[front].second <= now; }
  std::uint32_t piece() const { return items[front].first; }
};

/// A rank's LLM operations: forwards and the others, each in their order, taken in that of the whole unless asked
/// otherwise.
struct LlmQueue {
  std::vector<std::uint32_t> forwards, others;  // tasks
  std::size_t forward = 0, other = 0;

  std::uint32_t next_forward() const { return forward < forwards.size() ? forwards[forward] : kNone; }
  std::uint32_t next_other() const { return other < others.size() ? others[other] : kNone; }
  std::uint32_t next() const { return std::min(next_forward(), next_other()); }
  std::uint32_t ahead() const { return std::max(next_forward(), next_other()); }  // kNone where there is none
  void take(std::uint32_t task) { ++(task == next_forward() ? forward : other); }
};

inline std::vector<LlmQueue> llm_queues(const LlmClock& llm) {
  std::vector<LlmQueue> out(llm.ranks());
  for (std::uint32_t r = 0; r < llm.ranks(); ++r)
    for (std::uint32_t i = llm.first[r]; i < llm.first[r + 1]; ++i)
      ((llm.tasks[i].tags & kHolds) != 0 ? out[r].forwards : out[r].others).push_back(i);
  return out;
}

/// Weight gradients that may run, in the order in which they became possible: LLM tasks.
struct Weights {
  std::vector<std::uint32_t> tasks;
  std::size_t front = 0;
  std::uint32_t next() const { return front < tasks.size() ? tasks[front] : kNone; }
};

struct RankState {
  std::uint32_t task = 0;      // the LLM task that runs
  std::uint32_t llm_live = 0;  // chunk activations
  bool busy = false;
  std::int64_t idle_since = 0;
  Work running = Work::llm;
  std::uint32_t pipeline = 0, stage = 0;         // which encoder stage is here
  std::uint32_t first = 0;                       // the rank of the pipeline's stage 0
  std::uint32_t live = 0;                        // microbatches that the pipeline holds; counted where stage 0 is
  std::uint32_t most_live = 0, most_chunks = 0;  // what it may hold, and of the LLM where forwards run ahead
  std::uint32_t forwards_done = 0;               // of later stages
  Begun forward, backward, generator;
  Released backwards, generators;
  Weights weights;

  bool full() const { return live >= most_live; }
};

/// Idle, each knowing which encoder stage it holds.
inline std::vector<RankState> rank_states(const Placement& placement, std::uint32_t ranks, std::uint32_t stages) {
  std::vector<RankState> out(ranks);
  for (std::uint32_t q = 0; q < ranks / stages; ++q)
    for (std::uint32_t s = 0; s < stages; ++s) {
      RankState& rank = out[placement.encoder_rank(q, s, stages)];
      rank.pipeline = q, rank.stage = s, rank.first = placement.encoder_rank(q, 0, stages);
    }
  return out;
}

/// A slice a rank might run next.
struct Slice {
  Work work = Work::llm;  // llm: there is none
  std::uint32_t piece = 0, k = 0;
  std::int64_t length = 0;
  bool pressing = false;       // may delay a ready LLM operation
  std::int64_t due = 0;        // when the LLM wants its result, before slip
  std::int64_t remaining = 0;  // work until then
  std::uint32_t count = 1;     // slices in one go
};

}  // namespace bigmac::hybrid
