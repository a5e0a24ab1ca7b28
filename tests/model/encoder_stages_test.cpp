// Encoders cut into stages over several ranks: what columns, bubbles and upfront make of them, derived, then stated.
#include <gtest/gtest.h>

#include "../sim/schedule/encoder_columns.h"
#include "bigmac/base/error.h"
#include "bigmac/schedule/job_bound.h"
#include "oracle/oracle.h"
#include "support.h"

namespace bigmac::test {
namespace {

/// `u`'s encoder, a whole one's F and B, in `stages` equal stages.
ScheduleFile in_stages(const Uniform& u, std::uint32_t stages) {
  ScheduleFile file = abstract_file(u);
  GivenCosts costs = given_costs_from(file.pipeline, file.costs);
  file.pipeline.modules.items[1].stages = stages;
  for (CostSeries* series : {&costs[1].forward, &costs[1].backward, &costs[1].activation_bytes})
    for (std::int64_t& value : series->values) value /= stages;
  costs[1].input_gradient = costs[1].weight_gradient = costs[1].recompute = {};
  file.costs = cost_table_from(file.pipeline, costs);
  return file;
}

// Columns of equal work, a stage a column ahead of the next: the first stage runs S-1 forward columns more in front,
// the last one S-1 backward columns less at the end than others: T = (G + S-1)(Ef + Eb) + (M V + P-1)(tF + tB) at most.
TEST(EncoderStages, cost_bigmac_no_more_than_their_own_warm_up_and_cool_down) {
  for (const std::int64_t ranks : {2, 4, 8})
    for (const std::int64_t chunks : {1, 2, 3})
      for (const std::int64_t groups : {3, 6})
        for (const std::uint32_t stages : {1u, 2u, 4u}) {
          if (ranks % stages != 0) continue;
          const Uniform u{ranks, chunks, ranks * groups, 1000, 2000, 800, 1600};
          ScheduleFile file = in_stages(u, stages);
          const Outcome outcome = simulate_or_fail(file, "bigmac");
          const std::int64_t whole = groups * 2400 + (u.microbatches * chunks + ranks - 1) * 3000;
          const std::int64_t ahead = (stages - 1) * 2400;
          EXPECT_GE(outcome.iteration.value, job_lower_bound(file.pipeline, file.costs).value);
          EXPECT_LE(outcome.iteration.value, whole + ahead) << ranks << " " << chunks << " " << groups << " " << stages;
        }
}

// W columns in front and S-1-s more on stage s, which also goes back so much later; each microbatch is 1/S of a whole.
TEST(EncoderStages, hold_a_number_of_microbatches_that_does_not_grow) {
  for (const std::int64_t groups : {6, 12, 24}) {
    ScheduleFile file = in_stages({4, 2, 4 * groups, 1000, 2000, 800, 1600}, 2);
    const Outcome outcome = simulate_or_fail(file, "bigmac");
    for (std::uint32_t rank = 0; rank < 4; ++rank)
      EXPECT_LE(live(outcome.ranks[rank], Role::encoder), 2 * (3 + (rank % 2 == 0 ? 2u : 0u)));
  }
}

TEST(EncoderStages, columns_list_every_pass_once) {
  for (const std::uint32_t stages : {1u, 2u, 4u})
    for (const std::int64_t microbatches : {1, 3, 4, 5, 8, 11, 24}) {
      ScheduleFile file = in_stages({4, 1, microbatches, 10, 20, 8, 16}, stages);
      std::map<std::tuple<int, int, std::uint32_t>, int> listed;
      for (std::uint32_t rank = 0; rank < 4; ++rank) {
        const EncoderColumns columns(file.pipeline, RankId{rank});
        std::vector<Op> ops;
        for (std::uint32_t g = 0; g < (microbatches + 3) / 4; ++g) columns.forward(g, ops), columns.backward(g, ops);
        for (const Op& op : ops) ++listed[{static_cast<int>(op.kind), op.stage.value, op.microbatch.value}];
      }
      EXPECT_EQ(listed.size(), 2u * stages * microbatches);
      for (const auto& [pass, times] : listed) EXPECT_EQ(times, 1);
    }
}

// Where bubbles suffice one forward through all stages stays before the LLM, and one backward after it.
TEST(EncoderStages, let_optimus_reach_the_bound_where_bubbles_suffice) {
  ScheduleFile file = in_stages({8, 12, 32, 1000, 2000, 1000, 2000}, 2);
  const Outcome outcome = simulate_or_fail(file, "optimus");
  EXPECT_EQ(outcome.iteration.value, 1000 + (32 * 12 + 7) * 3000 + 2000);
  EXPECT_EQ(outcome.iteration, job_lower_bound(file.pipeline, file.costs));
}

TEST(EncoderStages, files_hold_under_every_schedule_that_takes_them) {
  for (const char* name : {"naive", "upfront", "bigmac", "optimus", "hybrid"})
    for (const std::int64_t ranks : {2, 4, 8})
      for (const std::int64_t chunks : {1, 3})
        for (const std::int64_t microbatches : {2, 7, 16})
          for (const std::uint32_t stages : {2u, 4u}) {
            if (ranks % stages != 0) continue;
            for (const std::int64_t transfer : {0, 130}) {
              ScheduleFile file =
                  in_stages({ranks, chunks, microbatches, 1000, 1700, 900, 2000, 0, 0, transfer}, stages);
              std::map<std::string, std::int64_t> parameters;
              if (std::string(name) == "hybrid") parameters["search_fills"] = microbatches == 7 ? 6 : 0;
              const Outcome outcome = simulate_or_fail(file, name, parameters);
              EXPECT_FALSE(find_incompleteness(file.pipeline, file.schedule).has_value());
              const std::string text = schedule_file_text(file, outcome);
              const oracle::OracleResult expected = oracle::retime(text);
              ASSERT_TRUE(expected.valid) << name << ": " << expected.problem;
              EXPECT_EQ(expected.iteration_ns, outcome.iteration.value);
              for (std::uint32_t rank = 0; rank < file.pipeline.ranks; ++rank)
                EXPECT_EQ(expected.ranks[rank].peak_activation_bytes, outcome.ranks[rank].peak.value);
              EXPECT_FALSE(find_disagreement(parse_schedule(text, "stages"), outcome).has_value());
              const LiveLimits held = most_held(file.pipeline, file.schedule);
              EXPECT_GE(outcome.iteration, job_lower_bound(file.pipeline, file.costs, held));
            }
          }
}

std::uint32_t most_live(const Outcome& outcome) {
  std::uint32_t most = 0;
  for (const RankActivations& rank : outcome.ranks) most = std::max(most, live(rank, Role::encoder));
  return most;
}

// Jobs on which hybrid's promises are held against others: equal and unequal microbatches and stages.
std::vector<ScheduleFile> promised_jobs() {
  std::vector<ScheduleFile> out;
  for (const std::int64_t ranks : {4, 8})
    for (const std::int64_t chunks : {1, 2})
      for (const std::uint32_t stages : {2u, static_cast<std::uint32_t>(ranks)})
        for (const bool equal : {true, false}) {
          Uniform u{ranks, chunks, 2 * ranks, 1000, 2000, 960, 1920, 0, 0, equal ? 0 : 40};
          out.push_back(in_stages(u, stages));
          if (equal) continue;
          GivenCosts costs = given_costs_from(out.back().pipeline, out.back().costs);
          const auto count = static_cast<std::uint32_t>(u.microbatches);
          for (CostSeries* series : {&costs[1].forward, &costs[1].backward}) {
            const std::int64_t mean = series->values[0];
            *series = {stages, count, {}};
            for (std::uint32_t s = 0; s < stages; ++s)
              for (std::uint32_t m = 0; m < count; ++m)
                series->values.push_back(mean * (60 + 7 * m % 90) * (80 + 11 * s % 40) / 10'000);
          }
          out.back().costs = cost_table_from(out.back().pipeline, costs);
        }
  return out;
}

TEST(EncoderStages, make_hybrid_no_slower_than_others_within_the_same_memory) {
  for (ScheduleFile& file : promised_jobs())
    for (const char* name : {"bigmac", "upfront"}) {
      const Outcome other = simulate_or_fail(file, name);
      const std::uint32_t cap = most_live(other);
      const Outcome ours = simulate_or_fail(file, "hybrid", {{"encoder_live_limit", cap}, {"search_fills", 0}});
      EXPECT_LE(ours.iteration, other.iteration) << name;
      EXPECT_LE(most_live(ours), cap);
    }
}

TEST(EncoderStages, make_hybrid_no_slower_than_optimus) {
  for (ScheduleFile& file : promised_jobs()) {
    const Outcome optimus = simulate_or_fail(file, "optimus");
    EXPECT_LE(simulate_or_fail(file, "hybrid", {{"search_fills", 30}}).iteration, optimus.iteration);
  }
}

TEST(EncoderStages, keep_hybrids_limit_and_a_larger_one_is_never_slower) {
  for (ScheduleFile& file : promised_jobs()) {
    std::optional<Nanoseconds> before;
    for (std::uint32_t limit = 1; limit <= file.pipeline.microbatches; ++limit) {
      try {
        const Outcome outcome = simulate_or_fail(file, "hybrid", {{"encoder_live_limit", limit}, {"search_fills", 0}});
        EXPECT_LE(most_live(outcome), limit);
        if (before) {
          EXPECT_LE(outcome.iteration, *before) << limit;
        }
        before = outcome.iteration;
      } catch (const Error&) {
        EXPECT_FALSE(before.has_value()) << limit;
      }
    }
    EXPECT_TRUE(before.has_value());
  }
}

TEST(EncoderStages, are_refused_where_ranks_do_not_make_pipelines_or_the_schedule_cannot) {
  ScheduleFile odd = in_stages({4, 1, 8, 10, 20, 9, 18}, 3);
  EXPECT_THROW(build_schedule("bigmac", {odd.pipeline, odd.costs, "", {}}), Error);
  ScheduleFile file = in_stages({4, 1, 8, 10, 20, 8, 16}, 2);
  for (const char* name : {"balanced", "disaggregated"})
    EXPECT_THROW(build_schedule(name, {file.pipeline, file.costs, "", {}}), Error);
}

}  // namespace
}  // namespace bigmac::test
