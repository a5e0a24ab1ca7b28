// Time against the encoder microbatches that a rank holds, for one job: a table, JSON, a chart.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bigmac/base/units.h"

namespace bigmac {

/// One schedule of the job.
struct FrontierPoint {
  std::string schedule;
  std::optional<std::uint32_t> limit;  ///< most encoder microbatches a rank may hold, where one was set
  std::optional<Bytes> within;         ///< most bytes a GPU may hold, where that was set
  std::string way;                     ///< of giving time for encoder memory ("staged again"); empty: none
  std::string refusal;                 ///< why it does not run; what follows `bound` is 0 then
  std::optional<Nanoseconds> bound;    ///< no schedule within the limit, with whole backwards, is faster
  Nanoseconds time{};                  ///< of the pipeline
  Nanoseconds step{};                  ///< with what lies outside it, where that is known; else the same
  std::uint32_t live = 0;              ///< encoder microbatches held at once, on the rank that holds most
  Bytes memory{};                      ///< Frontier::whole_gpu says of what
};

struct Frontier {
  std::string title;   ///< the job's name
  std::string chosen;  ///< the plan studied, in words; may be empty
  std::string base;
  bool whole_gpu = false;             ///< memory counts everything on a GPU; else activations alone
  std::optional<Nanoseconds> bound;   ///< no schedule of the job with whole backwards is faster
  std::vector<FrontierPoint> points;  ///< hybrid by rising limit, the unlimited one last; so in each way of
                                      ///< giving time for memory; the others; hybrid within what some of these hold
};

std::string frontier_table(const Frontier& frontier);
std::string frontier_json(const Frontier& frontier);
/// A self-contained SVG: microbatches held (logarithmic) against time, hybrid as stairs (dashed: one of the ways
/// of giving time for memory), the others as points, the bound within each limit as stairs.
std::string frontier_chart(const Frontier& frontier);

}  // namespace bigmac
