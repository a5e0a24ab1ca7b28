// Random abstract jobs for property tests: the same seed gives the same text on every machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace bigmac::oracle {

struct JobShape {
  int ranks = 1;
  int chunks = 1;
  int microbatches = 1;
};

struct RandomJobOptions {
  int max_ranks = 8;
  int max_chunks = 4;
  int max_microbatches = 24;
  /// Draws microbatches as a multiple of ranks (the multiple nearest below the maximum, at least ranks).
  bool microbatches_multiple_of_ranks = false;
  std::optional<bool> encoder;    ///< present or not; drawn where absent
  std::optional<bool> generator;  ///< present or not; drawn where absent
  std::int64_t max_cost = 1000;
  bool zeros = true;              ///< some costs are 0, and now and then all of a module's
  bool transfers = true;          ///< some modules have transfer times; otherwise none
  bool vary_stages = true;        ///< LLM costs may be an array over stages
  bool vary_microbatches = true;  ///< costs may be arrays over microbatches
  bool split = true;              ///< I and W may be given, always with B = I + W entry by entry
};

/// A bigmac.job/1 text in the abstract form, of a random shape and random integer costs.
std::string random_job(std::uint64_t seed, const RandomJobOptions& options = {});

/// The same with the shape given; the maxima in `options` do not matter then.
std::string random_job(std::uint64_t seed, const JobShape& shape, const RandomJobOptions& options = {});

}  // namespace bigmac::oracle
