// gpipe, 1f1b and interleaved against the closed forms of their papers.
#include <gtest/gtest.h>

#include "support.h"

namespace bigmac::test {
namespace {

// Bubble time over a grid of tF, tB: Narayanan et al. 2021, 2.2: (p-1)(tF+tB), tF and tB per chunk; every rank is busy
// M V (tF + tB), so T = (M V + P - 1)(tF + tB).
void expect_bubble(const std::string& name, std::int64_t ranks, std::int64_t chunks, std::int64_t microbatches) {
  for (const std::int64_t backward : {700, 1000, 2000, 3100}) {
    ScheduleFile file = abstract_file({ranks, chunks, microbatches, 1000, backward});
    const Outcome outcome = simulate_or_fail(file, name);
    const std::int64_t work = microbatches * chunks * (1000 + backward), bubble = (ranks - 1) * (1000 + backward);
    EXPECT_EQ(outcome.iteration.value, work + bubble)
        << name << " P" << ranks << " V" << chunks << " M" << microbatches;
    EXPECT_DOUBLE_EQ(outcome.bubble_fraction, 1 - static_cast<double>(work) / static_cast<double>(work + bubble));
    EXPECT_LE(outcome.lower_bound, outcome.iteration);
  }
}

TEST(Gpipe, has_the_bubble_of_the_paper_and_holds_every_microbatch) {
  for (const std::int64_t ranks : {1, 2, 3, 4, 8, 16})
    for (const std::int64_t microbatches : {1, 2, 5, 8, 32}) {
      expect_bubble("gpipe", ranks, 1, microbatches);
      ScheduleFile file = abstract_file({ranks, 1, microbatches});
      for (const RankActivations& rank : simulate_or_fail(file, "gpipe").ranks)
        EXPECT_EQ(live(rank, Role::llm), static_cast<std::uint32_t>(microbatches));
    }
}

TEST(OneForwardOneBackward, has_the_bubble_of_the_paper_and_holds_p_minus_i_microbatches) {
  for (const std::int64_t ranks : {1, 2, 3, 4, 8, 16})
    for (const std::int64_t microbatches : {1, 2, 5, 8, 32}) {
      if (microbatches >= ranks) expect_bubble("1f1b", ranks, 1, microbatches);
      ScheduleFile file = abstract_file({ranks, 1, microbatches});
      const Outcome outcome = simulate_or_fail(file, "1f1b");
      for (std::int64_t i = 0; i < ranks; ++i)
        EXPECT_EQ(live(outcome.ranks[static_cast<std::size_t>(i)], Role::llm),
                  static_cast<std::uint32_t>(std::min(microbatches, ranks - i)));
    }
}

// Warm-up 2(P-1-r) + (V-1)P forwards, one more in the steady state: that many chunks are held. In the paper's unit of a
// whole rank's activations (V chunks, P microbatches): 1 + (P-1)/(PV) on rank 0, once M > P.
TEST(Interleaved, has_the_bubble_of_the_paper_and_holds_the_warmup) {
  for (const std::int64_t ranks : {2, 3, 4, 8, 16})
    for (const std::int64_t chunks : {2, 3, 4, 6})
      for (const std::int64_t groups : {1, 2, 4}) {
        expect_bubble("interleaved", ranks, chunks, ranks * groups);
        ScheduleFile file = abstract_file({ranks, chunks, ranks * groups});
        const Outcome outcome = simulate_or_fail(file, "interleaved");
        for (std::int64_t r = 0; r < ranks; ++r) {
          const std::int64_t held = std::min(chunks * ranks * groups, 2 * (ranks - 1 - r) + (chunks - 1) * ranks + 1);
          EXPECT_EQ(live(outcome.ranks[static_cast<std::size_t>(r)], Role::llm), static_cast<std::uint32_t>(held));
        }
        if (groups > 1) {
          const double of_p =
              static_cast<double>(live(outcome.ranks[0], Role::llm)) / static_cast<double>(chunks * ranks);
          EXPECT_DOUBLE_EQ(of_p, 1 + static_cast<double>(ranks - 1) / static_cast<double>(ranks * chunks));
        }
      }
}

// Published fact: 1F1B at P = 8, M = 64, F = 1000, B = 2000 takes (64 + 7) x 3000 = 213,000.
TEST(OneForwardOneBackward, takes_213000_at_eight_ranks) {
  ScheduleFile file = abstract_file({8, 1, 64, 1000, 2000});
  EXPECT_EQ(simulate_or_fail(file, "1f1b").iteration.value, 213'000);
}

}  // namespace
}  // namespace bigmac::test
