// Encoders cut into stages over several ranks: what columns, bubbles and upfront make of them, derived, then stated.
#include <cstdio>

#include <gtest/gtest.h>

#include "../sim/schedule/encoder_columns.h"
#include "bigmac/base/error.h"
#include "bigmac/schedule/job_bound.h"
#include "oracle/oracle.h"
#include "support.h"

namespace bigmac::test {
namespace {

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

// S = P, V = 1. What ranks idle while the LLM's pipeline fills and drains, (P-1)(tF + tB) each, holds the encoder's
// work but for the first position's forward and the last one's backward where (M-1)(ef + eb) is less, ef and eb of one
// stage: then the longest chain alone is left, P (ef + eb) + (M + P-1)(tF + tB), or what is within the 0.3 % at which
// hybrid looks no further. With stage s on rank s it would be (M - P)(ef + eb) more.
TEST(EncoderStages, fit_into_the_bubbles_under_hybrid_with_one_chunk) {
  for (const std::int64_t ranks : {4, 8, 16})
    for (const std::int64_t groups : {2, 4}) {
      const std::int64_t microbatches = groups * ranks, share = 1000 * (ranks - 1) / (microbatches - 1) * 6 / 10;
      const std::int64_t forward = share / 8 * 8, backward = 2 * forward;
      ScheduleFile file = in_stages({ranks, 1, microbatches, 1000, 2000, forward * ranks, backward * ranks},
                                    static_cast<std::uint32_t>(ranks));
      const Outcome outcome = simulate_or_fail(file, "hybrid", {{"search_fills", 0}});
      const std::int64_t chain = ranks * (forward + backward) + (microbatches + ranks - 1) * 3000;
      EXPECT_LE(outcome.iteration.value, chain + 3 * chain / 1000) << ranks << " " << groups;
    }
}

// V > 1: the LLM's first rank wants the first P positions one right after the other. With the first stage on the last
// rank and the second on the first one, these wait for P + 1 forwards of a stage, not P; likewise in the end: ef + eb
// more than the chain. With the first two on the last two ranks, which P = 16 needs here: twice that.
TEST(EncoderStages, cost_hybrid_a_stage_or_two_more_with_several_chunks) {
  for (const std::int64_t ranks : {4, 8, 16})
    for (const std::int64_t chunks : {2, 3}) {
      ScheduleFile file =
          in_stages({ranks, chunks, 2 * ranks, 1000, 2000, 40 * ranks, 80 * ranks}, static_cast<std::uint32_t>(ranks));
      const Outcome outcome = simulate_or_fail(file, "hybrid", {{"search_fills", 0}});
      const std::int64_t chain = ranks * 120 + (2 * ranks * chunks + ranks - 1) * 3000;
      EXPECT_LE(outcome.iteration.value, chain + (ranks == 16 ? 2 : 1) * 120) << ranks << " " << chunks;
      EXPECT_LT(outcome.iteration, simulate_or_fail(file, "upfront").iteration);
    }
}

// Where encoders are most of the work, the rank with the last stage works without a break from its first forward, P-1
// stages after the start, to its last backward, P-1 stages before the end: the bound.
TEST(EncoderStages, meet_the_bound_of_the_last_stage_under_hybrid) {
  for (const std::int64_t ranks : {4, 8})
    for (const std::int64_t chunks : {1, 2, 12}) {
      const std::int64_t whole = 4 * chunks * 1000, stage = 3 * whole / ranks;
      ScheduleFile file =
          in_stages({ranks, chunks, 2 * ranks, 1000, 2000, whole, 2 * whole}, static_cast<std::uint32_t>(ranks));
      const std::int64_t bound = (ranks - 1) * stage + 2 * ranks * (chunks * 3000 + stage);
      const std::int64_t known = job_lower_bound(file.pipeline, file.costs).value;
      EXPECT_GE(known, bound);
      const Outcome outcome = simulate_or_fail(file, "hybrid", {{"search_fills", 0}});
      EXPECT_LE(outcome.iteration.value, known + known / 50) << ranks << " " << chunks;
    }
}

struct Bar {
  std::int64_t chunks;
  std::vector<std::int64_t> ranks;
  double little, much;  ///< time over the bound with e of 0.1 and 0.3, and of 1 and 4
};

// Each stage held once, S = P, and few microbatches, where the pipelines' own warm-up weighs most. e: an encoder's work
// on a microbatch over a rank's LLM work on it.
TEST(EncoderStages, leave_hybrid_close_to_the_bound) {
  for (const Bar& bar :
       {Bar{1, {4, 8, 16}, 1.003, 1.003}, Bar{2, {4, 8, 16}, 1.01, 1.041}, Bar{12, {4, 8}, 1.01, 1.003}})
    for (const std::int64_t ranks : bar.ranks)
      for (const std::int64_t groups : {2, 4})
        for (const double e : {0.1, 0.3, 1.0, 4.0}) {
          if (ranks == 16 && groups == 4) continue;  // to stay short; 2P is harder
          const auto forward = static_cast<std::int64_t>(e * static_cast<double>(bar.chunks) * 100'000);
          ScheduleFile file = in_stages({ranks, bar.chunks, groups * ranks, 100'000, 200'000, forward, 2 * forward},
                                        static_cast<std::uint32_t>(ranks));
          const auto ratio = [&](const char* name) {
            return static_cast<double>(simulate_or_fail(file, name).iteration.value) /
                   static_cast<double>(job_lower_bound(file.pipeline, file.costs).value);
          };
          const double bigmac = ratio("bigmac"), upfront = ratio("upfront"), hybrid = ratio("hybrid");
          std::printf("  P = S, V, M = %ld, %ld, %ld, e %g: bigmac %.4f upfront %.4f hybrid %.4f\n",
                      static_cast<long>(ranks), static_cast<long>(bar.chunks), static_cast<long>(groups * ranks), e,
                      bigmac, upfront, hybrid);
          EXPECT_LE(hybrid, e < 1 ? bar.little : bar.much);
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
