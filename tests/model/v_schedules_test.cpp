// zb-v, v-half and v-min against 2401.10241 and 2405.15362: peaks exactly, bubbles as bounds.
#include <gtest/gtest.h>

#include "split_backward.h"

namespace bigmac::test {
namespace {

// A whole microbatch is two chunks. The paper's peaks: V-Min (P+4) div 3, V-Half (P+2) div 2, ZB-V P.
std::int64_t peak(const std::string& name, std::int64_t ranks) {
  if (name == "v-min") return (ranks + 4) / 3;
  return name == "v-half" ? (ranks + 2) / 2 : ranks;
}

TEST(VSchedules, hold_no_more_than_the_papers_say_whatever_the_costs) {
  for (const std::string name : {"zb-v", "v-half", "v-min"})
    for (std::int64_t ranks = 1; ranks <= 20; ++ranks)
      for (const SplitCosts& costs : {SplitCosts{1000, 1000, 1000, 0}, {1000, 1300, 600, 70}, {500, 900, 1100, 900}}) {
        ScheduleFile file = split_file(ranks, 2, 3 * ranks + 1, costs);
        EXPECT_LE(most_live(simulate_or_fail(file, name)), 2 * peak(name, ranks)) << name << " P " << ranks;
      }
}

// F = I = W = 1: in the memory of 1F1B no rank idles in its own span; the last rank starts (P-1)F late, which is all
// that the iteration adds to 6M units of work.
TEST(ZeroBubbleV, has_no_bubble_for_equal_costs) {
  for (const std::int64_t ranks : {1, 2, 3, 4, 5, 6, 8, 12, 16})
    for (const std::int64_t groups : {2, 4, 8}) {
      ScheduleFile file = split_file(ranks, 2, ranks * groups, {1000, 1000, 1000, 0});
      const Outcome outcome = simulate_or_fail(file, "zb-v");
      EXPECT_EQ(most_idle(file, outcome), 0) << "P " << ranks << " groups " << groups;
      EXPECT_EQ(outcome.iteration.value, ranks * groups * 6000 + (ranks - 1) * 1000);
    }
}

// F = I = W: the paper gives P/2M and 2P/3M of the ideal time 6M, that is 3P and 4P units, approximately; its table
// drops constants. Ours stays within two units of those.
TEST(VSchedules, have_the_bubbles_of_the_paper_for_equal_costs) {
  for (const std::int64_t ranks : {2, 3, 4, 5, 6, 7, 8, 12, 16})
    for (const std::int64_t groups : {2, 4, 8}) {
      const std::int64_t ideal = ranks * groups * 6000;
      ScheduleFile file = split_file(ranks, 2, ranks * groups, {1000, 1000, 1000, 0});
      EXPECT_LE(simulate_or_fail(file, "v-half").iteration.value - ideal, (3 * ranks + 2) * 1000) << "P " << ranks;
      EXPECT_LE(simulate_or_fail(file, "v-min").iteration.value - ideal, (4 * ranks + 2) * 1000) << "P " << ranks;
    }
}

TEST(VSchedules, place_stage_r_and_its_mirror_on_rank_r) {
  ScheduleFile file = split_file(4, 2, 8, {});
  for (const std::string name : {"zb-v", "v-half", "v-min"}) {
    simulate_or_fail(file, name);
    for (std::uint32_t rank = 0; rank < 4; ++rank)
      for (const Op& op : file.schedule.rank_ops(RankId{rank}))
        EXPECT_TRUE(op.stage.value == rank || op.stage.value == 7 - rank);
  }
}

}  // namespace
}  // namespace bigmac::test
