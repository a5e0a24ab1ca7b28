// zb-h1 and zb-h2 against the closed forms of 2401.10241 and against its published greedy's figure.
#include <gtest/gtest.h>

#include "split_backward.h"

namespace bigmac::test {
namespace {

// Costs with W <= F and W <= I, where the closed forms hold; F + I >= 2W then.
constexpr SplitCosts kBalanced[] = {
    {1000, 1000, 1000, 0}, {1000, 1200, 700, 0}, {1000, 1500, 1000, 0}, {900, 700, 600, 0}, {1300, 1000, 400, 0}};

// Why zb-h1 cannot idle less than (P-1)(F+I-W) on rank 0. The last rank starts its first F at (P-1)F. When it ends its
// last I it has done M F, M I and all W but those it still holds, at most P: at least
// (P-1)F + M(F+I) + (M-P)W have passed. That gradient takes (P-1)I to rank 0, which then has its own W to do:
//   end of rank 0 >= (P-1)F + M(F+I) + (M-P)W + (P-1)I + W = M(F+I+W) + (P-1)(F+I-W).
// Rank 0 starts at 0, so the rest is idle; on rank r, which starts rF later, the same count gives r(F + I) less. The
// iteration lasts as long as rank 0, or as the last rank if that idles nowhere: (P-1)F + M(F+I+W).
TEST(ZeroBubbleH1, has_the_bubble_of_the_paper_in_the_memory_of_1f1b) {
  for (const std::int64_t ranks : {1, 2, 3, 4, 8, 16})
    for (const std::int64_t groups : {2, 3, 8})
      for (const SplitCosts& costs : kBalanced) {
        ScheduleFile file = split_file(ranks, 1, ranks * groups, costs);
        const Outcome outcome = simulate_or_fail(file, "zb-h1");
        const std::int64_t bubble = (ranks - 1) * (costs.forward + costs.input_gradient - costs.weight_gradient);
        EXPECT_EQ(most_idle(file, outcome), bubble) << "P " << ranks << " groups " << groups << " F " << costs.forward;
        EXPECT_EQ(outcome.iteration.value,
                  ranks * groups * costs.all() + std::max(bubble, (ranks - 1) * costs.forward));
        EXPECT_LE(most_live(outcome), ranks);
      }
}

// The same with 2P-1 held: end of rank 0 >= M(F+I+W) + (P-1)(F+I) - (2P-2)W. With F = I = W no rank idles in its span,
// and what is left of the iteration's bubble is the last rank's late start, (P-1)F.
TEST(ZeroBubbleH2, has_the_bubble_of_the_paper_in_less_than_twice_the_memory) {
  for (const std::int64_t ranks : {1, 2, 3, 4, 8, 16})
    for (const std::int64_t groups : {3, 8})
      for (const SplitCosts& costs : kBalanced) {
        ScheduleFile file = split_file(ranks, 1, ranks * groups, costs);
        const Outcome outcome = simulate_or_fail(file, "zb-h2");
        const std::int64_t bubble = (ranks - 1) * (costs.forward + costs.input_gradient - 2 * costs.weight_gradient);
        EXPECT_EQ(most_idle(file, outcome), bubble) << "P " << ranks << " groups " << groups << " F " << costs.forward;
        EXPECT_EQ(outcome.iteration.value,
                  ranks * groups * costs.all() + std::max(bubble, (ranks - 1) * costs.forward));
        EXPECT_LE(most_live(outcome), 2 * ranks - 1);
      }
}

// Published fact: the zero-bubble greedy takes 200,400 at P = 8, M = 64, F = I = W = 1000, transfer 50. A bound for
// comparison: rank 0 idles at least from its eighth F to its first I, 15,700 - 8,000, so no order takes less than
// 199,700.
TEST(ZeroBubbleH1, takes_no_longer_than_the_published_greedy) {
  ScheduleFile file = split_file(8, 1, 64, {1000, 1000, 1000, 50});
  const Outcome outcome = simulate_or_fail(file, "zb-h1");
  EXPECT_LE(outcome.iteration.value, 200'400);
  EXPECT_GE(outcome.iteration.value, 199'700);
  EXPECT_LE(most_live(outcome), 8u);
}

// With more memory the last rank, which starts at 7 x 1050, idles nowhere: 7,350 + 192,000, and nothing can be faster.
TEST(ZeroBubbleH2, reaches_the_lower_bound_with_transfers) {
  ScheduleFile file = split_file(8, 1, 64, {1000, 1000, 1000, 50});
  EXPECT_EQ(simulate_or_fail(file, "zb-h2").iteration.value, 199'350);
}

// Ten ranks of unequal stages: never slower than 1F1B, whose order with every W right after its I is one of those
// allowed.
TEST(ZeroBubble, pays_where_stages_differ) {
  for (const std::int64_t transfer : {0, 100, 400}) {
    ScheduleFile file = split_file(10, 1, 40, {1000, 1000, 1000, transfer});
    for (std::uint16_t stage = 0; stage < 10; ++stage)
      for (const OpKind kind : {OpKind::forward, OpKind::backward, OpKind::input_gradient, OpKind::weight_gradient}) {
        const std::int64_t share = kind == OpKind::backward ? 2 : 1;
        file.costs.duration[file.costs.slot(kLlm, kind, StageId{stage}, MicrobatchId{0})] =
            Nanoseconds{share * (900 + 37 * stage % 211)};
      }
    const Nanoseconds plain = simulate_or_fail(file, "1f1b").iteration;
    const Nanoseconds one = simulate_or_fail(file, "zb-h1").iteration;
    const Nanoseconds two = simulate_or_fail(file, "zb-h2").iteration;
    EXPECT_LT(one, plain);
    EXPECT_LE(two, one);
  }
}

// Limits are in bytes. Stages of 300, 100, 100 and 100 bytes: 1F1B's fullest rank holds 4 x 300, so rank 0 may hold 4
// microbatches; the others could hold 12 and are kept to 4.
TEST(ZeroBubbleH1, holds_no_more_bytes_than_the_fullest_rank_of_1f1b) {
  ScheduleFile file = split_file(4, 1, 24, {1000, 1000, 1000, 0});
  for (const std::int64_t heavy : {0, 2, 3}) {
    for (std::uint16_t stage = 0; stage < 4; ++stage)
      file.costs.activation[file.costs.slot(kLlm, OpKind::forward, StageId{stage}, MicrobatchId{0})] =
          Bytes{stage == heavy ? 300 : 100};
    Bytes allowed{0};
    for (const RankActivations& rank : simulate_or_fail(file, "1f1b").ranks) allowed = std::max(allowed, rank.peak);
    for (const RankActivations& rank : simulate_or_fail(file, "zb-h1").ranks) EXPECT_LE(rank.peak, allowed) << heavy;
  }
}

}  // namespace
}  // namespace bigmac::test
