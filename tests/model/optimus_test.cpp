// What filling the LLM's bubbles gives, derived, then stated; and what it does not give.
#include <gtest/gtest.h>

#include "../sim/schedule/optimus_bubbles.h"
#include "bigmac/base/error.h"
#include "support.h"

namespace bigmac::test {
namespace {

std::uint32_t most_live(const Outcome& outcome) {
  std::uint32_t most = 0;
  for (const RankActivations& rank : outcome.ranks) most = std::max(most, live(rank, Role::encoder));
  return most;
}

std::int64_t span(const Uniform& u, std::int64_t packing) {
  ScheduleFile file = abstract_file(u);
  return simulate_or_fail(file, "optimus", {{"packing", packing}}).iteration.value;
}

// Costs equal, no transfers, M = G P. Rank 0 has no bubble before its first LLM operation and none after its last, so
// all its G forwards shift the LLM and all its G backwards follow it; rank r's wait in bubbles r tF and r tB long on
// top:
//   T = G (Ef + Eb) + (M V + P-1)(tF + tB)
TEST(OptimusCoarse, takes_the_time_of_the_formula) {
  for (const std::int64_t ranks : {1, 2, 4, 8})
    for (const std::int64_t chunks : {1, 2, 4})
      for (const std::int64_t groups : {1, 2, 5}) {
        const Uniform u{ranks, chunks, ranks * groups, 1000, 2000, 700, 1300};
        EXPECT_EQ(span(u, 0), groups * 2000 + (u.microbatches * chunks + ranks - 1) * 3000);
      }
}

LlmTimeline llm_alone(const ScheduleFile& file, bool deferred) {
  const BaseRequest request{file.pipeline, file.costs, 0};
  RankOrders orders = llm_orders(find_llm_base("interleaved"), request);
  return time_llm(file.pipeline, file.costs, deferred ? deferred_forwards(file.pipeline) : orders);
}

// Optimus, Fig. 12: the shorter warm-up (P-1-r) + (V-1)P delays the second group's forwards for nothing.
TEST(OptimusBubbles, deferring_the_warm_up_moves_forwards_later_at_the_same_span) {
  const ScheduleFile file = abstract_file({4, 2, 8, 1, 2});
  const LlmTimeline given = llm_alone(file, false), deferred = llm_alone(file, true);
  EXPECT_EQ(given.first_forward, (std::vector<std::int64_t>{0, 1, 2, 3, 8, 9, 10, 16}));
  EXPECT_EQ(deferred.first_forward, (std::vector<std::int64_t>{0, 1, 2, 3, 16, 19, 22, 25}));
  EXPECT_EQ(given.span, 57);
  EXPECT_EQ(deferred.span, 57);
}

TEST(OptimusBubbles, exposed_transfers_make_deferring_dear) {
  const ScheduleFile file = abstract_file({4, 2, 16, 1000, 2000, 0, 0, 0, 0, 100});
  EXPECT_GT(llm_alone(file, true).span, llm_alone(file, false).span);
}

TEST(OptimusBubbles, latest_forwards_keep_the_span_whatever_the_transfers) {
  for (const std::int64_t transfer : {0, 50, 300, 1500}) {
    const ScheduleFile file = abstract_file({4, 3, 16, 1000, 2000, 0, 0, 0, 0, transfer});
    const LlmTimeline given = llm_alone(file, false), late = with_late_forwards(file.pipeline, file.costs, given);
    EXPECT_EQ(late.span, given.span);
    for (std::size_t i = 0; i < 16; ++i) EXPECT_GE(late.first_forward[i], given.first_forward[i]);
  }
}

std::vector<Uniform> grid() {
  std::vector<Uniform> out;
  for (const std::int64_t ranks : {1, 2, 4, 8})
    for (const std::int64_t chunks : {1, 2, 3})
      for (const std::int64_t groups : {1, 2, 5})
        for (const std::int64_t encoder : {1, 90, 1000, 5000})
          for (const std::int64_t transfer : {0, 70, 1500})
            out.push_back({ranks, chunks, ranks * groups, 1000, 1700, encoder, 2 * encoder, 0, 0, transfer});
  return out;
}

TEST(Optimus, each_effort_is_no_longer_than_the_one_before_and_coarse_no_longer_than_upfront) {
  for (const Uniform& u : grid()) {
    ScheduleFile file = abstract_file(u);
    const std::int64_t upfront = simulate_or_fail(file, "upfront").iteration.value, coarse = span(u, 0);
    const std::int64_t greedy = span(u, 1), shift = span(u, 2);
    EXPECT_LE(coarse, upfront);
    EXPECT_LE(greedy, coarse);
    EXPECT_LE(shift, greedy);
  }
}

double share_in(const std::string& note, const std::string& after) {
  return std::stod(note.substr(note.find(after) + after.size()));
}

TEST(Optimus, notes_say_how_much_of_the_encoder_the_bubbles_hold) {
  for (const Uniform& u : grid()) {
    ScheduleFile file = abstract_file(u);
    file.schedule = build_schedule("optimus", {file.pipeline, file.costs, "", {}});
    const std::string& note = file.schedule.notes.at(0);
    for (const double share : {share_in(note, "bubbles: "), share_in(note, "coarsely, ")}) {
      EXPECT_GE(share, 0);
      EXPECT_LE(share, 100);
    }
  }
}

// Bubbles hold everything but one forward before the LLM and one backward after it (rank 0's first and last
// microbatch; nothing can hide them): T = Ef + T_llm + Eb, the bound of the placement.
TEST(Optimus, reaches_the_bound_where_bubbles_suffice) {
  const Uniform u{8, 12, 32, 1000, 2000, 1000, 2000};
  ScheduleFile file = abstract_file(u);
  const Outcome outcome = simulate_or_fail(file, "optimus");
  EXPECT_EQ(outcome.iteration.value, 1000 + (32 * 12 + 7) * 3000 + 2000);
  EXPECT_EQ(outcome.iteration, outcome.lower_bound);
  EXPECT_EQ(span(u, 0), 1'185'000);
}

// Whole-microbatch moves strand what is left of a bubble; slices in order do not.
TEST(Optimus, minimal_shift_beats_the_greedy_where_few_microbatches_are_long) {
  const Uniform u{8, 12, 16, 1000, 2000, 4000, 8000};
  EXPECT_EQ(span(u, 0), 621'000);
  EXPECT_EQ(span(u, 1), 613'000);
  EXPECT_EQ(span(u, 2), 610'000);
}

// Exposed transfers open bubbles all along the LLM. Forwards as late and backwards as soon as they can then hold what
// is in flight, whatever M is; coarse placement holds all M/P.
TEST(OptimusMemory, stays_flat_in_the_microbatches_where_bubbles_recur) {
  for (const std::int64_t groups : {4, 16, 64}) {
    const Uniform u{4, 1, 4 * groups, 1000, 2000, 500, 1000, 0, 0, 800};
    ScheduleFile fine = abstract_file(u), coarse = abstract_file(u);
    EXPECT_EQ(most_live(simulate_or_fail(fine, "optimus")), 2u);
    EXPECT_EQ(most_live(simulate_or_fail(coarse, "optimus", {{"packing", 0}})), static_cast<std::uint32_t>(groups));
  }
}

// Without them the LLM leaves no more bubbles for more microbatches: the rest waits outside, and is held.
TEST(OptimusMemory, grows_with_the_microbatches_where_bubbles_do_not) {
  for (const std::int64_t groups : {4, 16, 64}) {
    ScheduleFile file = abstract_file({4, 2, 4 * groups, 1000, 2000, 1000, 2000});
    EXPECT_EQ(most_live(simulate_or_fail(file, "optimus")), static_cast<std::uint32_t>(groups));
  }
}

TEST(Optimus, a_frozen_encoder_has_no_backward_to_place) {
  ScheduleFile file = abstract_file({4, 2, 16, 1000, 2000, 1500, 3000});
  file.pipeline.modules.items[1].backward = false;
  const Outcome outcome = simulate_or_fail(file, "optimus");
  EXPECT_EQ(outcome.iteration, outcome.lower_bound);
  for (const Op& op : file.schedule.ops) EXPECT_TRUE(op.module == kLlm || op.kind == OpKind::forward);
  EXPECT_FALSE(find_incompleteness(file.pipeline, file.schedule).has_value());
}

TEST(Optimus, runs_two_encoders_as_one_in_order) {
  ScheduleFile file;
  file.pipeline = make_pipeline(4, 2, 16, {"vision", "audio"}, {}, "test");
  const GivenCosts costs = {given("llm", 1000, 2000, 100, 20), given("vision", 900, 1800, 10, 20),
                            given("audio", 100, 200, 10, 20)};
  file.costs = cost_table_from(file.pipeline, costs);
  ScheduleFile coarse = file;
  EXPECT_LT(simulate_or_fail(file, "optimus").iteration, simulate_or_fail(coarse, "upfront").iteration);
  EXPECT_FALSE(find_incompleteness(file.pipeline, file.schedule).has_value());
}

TEST(Optimus, gives_microbatches_of_unequal_cost_other_owners) {
  const Uniform u{4, 2, 16, 1000, 2000, 1000, 2000};
  ScheduleFile file = abstract_file(u);
  GivenCosts costs = given_costs_from(file.pipeline, file.costs);
  costs[1].forward = CostSeries{1, 16, {}};
  for (int m = 0; m < 16; ++m) costs[1].forward.values.push_back(m % 4 == 0 ? 9000 : 100);  // all on rank 0
  file.costs = cost_table_from(file.pipeline, costs);
  ScheduleFile as_given = file;
  EXPECT_LT(simulate_or_fail(file, "optimus").iteration, simulate_or_fail(as_given, "upfront").iteration);
  EXPECT_NE(file.schedule.notes.at(1).find("microbatches"), std::string::npos);
}

TEST(Optimus, refuses_generators_and_a_greedy_that_would_take_long) {
  ScheduleFile file = abstract_file({2, 1, 4, 10, 20, 10, 20, 5, 5});
  EXPECT_THROW(build_schedule("optimus", {file.pipeline, file.costs, "", {}}), Error);
  ScheduleFile many = abstract_file({2, 1, 4096, 10, 20, 10, 20});
  EXPECT_THROW(build_schedule("optimus", {many.pipeline, many.costs, "", {{"packing", 1}}}), Error);
  EXPECT_LE(simulate_or_fail(many, "optimus").iteration.value, span({2, 1, 4096, 10, 20, 10, 20}, 0));
}

}  // namespace
}  // namespace bigmac::test
