// What a correct nested pipeline shows, derived, then stated.
#include <gtest/gtest.h>

#include "support.h"

namespace bigmac::test {
namespace {

// Costs equal within each group and no transfers: every column pauses all ranks for its own cost, nothing else is
// added:
//   T = G (Ef + Eb + Gf + Gb) + (M V + P-1)(tF + tB),  M = G P
std::int64_t nested_time(const Uniform& u) {
  const std::int64_t groups = u.microbatches / u.ranks;
  return groups * (u.encoder_forward + u.encoder_backward + u.generator_forward + u.generator_backward) +
         (u.microbatches * u.chunks + u.ranks - 1) * (u.forward + u.backward);
}

struct Shape {
  std::int64_t ranks, chunks, groups;
  bool generator;
};

class NestedPipeline : public testing::TestWithParam<Shape> {
 protected:
  Uniform job() const {
    const Shape& s = GetParam();
    return {s.ranks, s.chunks, s.ranks * s.groups, 1000, 2000, 500, 1000, s.generator ? 550 : 0, s.generator ? 450 : 0};
  }
};

TEST_P(NestedPipeline, takes_the_time_of_the_formula) {
  ScheduleFile file = abstract_file(job());
  EXPECT_EQ(simulate_or_fail(file, "bigmac").iteration.value, nested_time(job()));
}

TEST_P(NestedPipeline, takes_that_time_for_other_ratios_of_backward_to_forward) {
  for (const std::int64_t backward : {500, 1000, 3000}) {
    Uniform u = job();
    u.backward = backward;
    ScheduleFile file = abstract_file(u);
    EXPECT_EQ(simulate_or_fail(file, "bigmac").iteration.value, nested_time(u)) << backward;
  }
}

// At most W = 3 encoder microbatches, 1 generator microbatch and Megatron-LM's LLM chunks are held on a rank;
// with a generator P chunks more.
TEST_P(NestedPipeline, holds_three_encoder_microbatches_and_one_generator_microbatch) {
  const Shape& s = GetParam();
  ScheduleFile file = abstract_file(job());
  const Outcome outcome = simulate_or_fail(file, "bigmac");
  for (const RankActivations& rank : outcome.ranks) {
    EXPECT_LE(live(rank, Role::encoder), 3u);
    EXPECT_EQ(live(rank, Role::generator), s.generator ? 1u : 0u);
  }
  const std::int64_t chunks = 2 * (s.ranks - 1) + (s.chunks - (s.generator ? 0 : 1)) * s.ranks + 1;
  EXPECT_EQ(live(outcome.ranks[0], Role::llm), std::min(chunks, s.ranks * s.groups * s.chunks));
}

std::vector<Shape> shapes() {
  std::vector<Shape> out;
  for (const std::int64_t ranks : {2, 4, 8, 16})
    for (const std::int64_t chunks : {2, 3, 4})
      for (const std::int64_t groups : {2, 3, 8})
        for (const bool generator : {false, true}) out.push_back({ranks, chunks, groups, generator});
  return out;
}

std::string shape_name(const testing::TestParamInfo<Shape>& info) {
  const Shape& s = info.param;
  return "P" + std::to_string(s.ranks) + "V" + std::to_string(s.chunks) + "G" + std::to_string(s.groups) +
         (s.generator ? "G" : "");
}

INSTANTIATE_TEST_SUITE_P(Grid, NestedPipeline, testing::ValuesIn(shapes()), shape_name);

// Where the rules do not hold (V = 1 or G = 1) columns are inserted; nothing deadlocks.
TEST(NestedPipelineByInsertion, runs_for_one_chunk_or_one_group) {
  for (const std::int64_t ranks : {1, 2, 3, 4, 8, 16})
    for (const std::int64_t chunks : {1, 2, 4})
      for (const std::int64_t groups : {1, 2, 3, 8})
        for (const std::int64_t generator : {0, 550}) {
          if (chunks > 1 && groups > 1) continue;
          Uniform u{ranks, chunks, ranks * groups, 1000, 2000, 500, 1000, generator, generator};
          ScheduleFile file = abstract_file(u);
          const Outcome outcome = simulate_or_fail(file, "bigmac");
          ScheduleFile upfront = abstract_file(u);
          const Outcome ideal = simulate_or_fail(upfront, "upfront");
          EXPECT_LE(outcome.iteration, ideal.iteration)
              << "P" << ranks << " V" << chunks << " G" << groups << " gen " << generator;
        }
}

// Live encoder microbatches do not grow with M.
TEST(NestedPipelineMemory, stays_flat_while_upfront_grows) {
  for (const std::int64_t groups : {4, 16, 64, 256}) {
    const Uniform u{4, 2, 4 * groups, 1000, 2000, 500, 1000};
    ScheduleFile nested = abstract_file(u), upfront = abstract_file(u);
    EXPECT_EQ(live(simulate_or_fail(nested, "bigmac").ranks[0], Role::encoder), 3u);
    EXPECT_EQ(live(simulate_or_fail(upfront, "upfront").ranks[0], Role::encoder), static_cast<std::uint32_t>(groups));
  }
}

// W = 2 with a generator: group 2's encoder column would come after a forward that needs it.
TEST(NestedPipelineDeadlock, two_warmup_groups_with_a_generator_name_their_cycle) {
  for (const std::int64_t groups : {3, 4, 8}) {
    ScheduleFile file = abstract_file({4, 2, 4 * groups, 1000, 2000, 500, 1000, 550, 550});
    const Schedule schedule = build_schedule("bigmac", {file.pipeline, file.costs, "", {{"encoder_warmup_groups", 2}}});
    const auto result = simulate(file.pipeline, file.costs, schedule);
    const auto* fault = std::get_if<Fault>(&result);
    ASSERT_NE(fault, nullptr);
    EXPECT_EQ(fault->kind, FaultKind::deadlock);
    EXPECT_GE(fault->cycle.size(), 2u);
    EXPECT_FALSE(fault->grid.empty());
  }
}

}  // namespace
}  // namespace bigmac::test
