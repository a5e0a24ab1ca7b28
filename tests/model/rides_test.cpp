// Encoder kernels in the LLM's tensor-parallel waits: what they gain, derived, then stated; and what is refused.
#include <array>

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/schedule/job_bound.h"
#include "bigmac/schedule/rides.h"
#include "oracle/oracle.h"
#include "support.h"

namespace bigmac::test {
namespace {

CostSeries constant(std::int64_t value) { return {1, 1, {value}}; }

/// F waits `waits` times and B twice as often, each `length`; an encoder's kernels last `kernel`.
ScheduleFile with_waits(const Uniform& u, std::int64_t waits, std::int64_t length, std::int64_t kernel,
                        std::int64_t per_wait, std::int64_t communication = 0) {
  ScheduleFile file = abstract_file(u);
  GivenCosts costs = given_costs_from(file.pipeline, file.costs);
  costs[0].forward_rides = {constant(waits), constant(length), {}, {}, {}, {}};
  costs[0].backward_rides = {constant(2 * waits), constant(length), {}, {}, {}, {}};
  costs[1].forward_rides = {
      constant(u.encoder_forward / kernel), constant(kernel), {}, {}, constant(per_wait), constant(communication)};
  costs[1].backward_rides = {
      constant(u.encoder_backward / kernel), constant(kernel), {}, {}, constant(per_wait), constant(2 * communication)};
  file.costs = cost_table_from(file.pipeline, costs);
  return file;
}

const Op kHost{MicrobatchId{0}, StageId{0}, kLlm}, kGuest{MicrobatchId{0}, StageId{0}, ModuleId{1}};

TEST(Rides, a_wait_carries_what_fits_into_it_and_lies_between_two_communications) {
  const Uniform u{4, 2, 8, 1000, 2000, 600, 1200};
  EXPECT_EQ(kernels_in_a_wait(with_waits(u, 4, 100, 30, 9).costs, kHost, kGuest, false), 3u);   // 100 / 30
  EXPECT_EQ(kernels_in_a_wait(with_waits(u, 4, 100, 30, 2).costs, kHost, kGuest, false), 2u);   // per_wait
  EXPECT_EQ(kernels_in_a_wait(with_waits(u, 4, 100, 120, 2).costs, kHost, kGuest, false), 0u);  // longer than the wait
  // Between two waits lie 1000 / 4 - 100 = 150 of compute. 20 kernels communicate for 1200: 60 each, two under 150.
  EXPECT_EQ(kernels_in_a_wait(with_waits(u, 4, 100, 30, 9, 1200).costs, kHost, kGuest, false), 2u);
  EXPECT_EQ(kernels_in_a_wait(abstract_file(u).costs, kHost, kGuest, false), 0u);
}

// 64 F with 4 waits and 64 B with 8 carry 2 kernels each: 1536 for a rank's 8 * (20 + 40). All rides but the first
// forward and the last backward, which no LLM operation stands beside: T = Ef + T_llm + Eb, whatever M is; where an
// operation rides in part, its first or last kernel of 50 may stand beside its host.
TEST(Rides, hide_all_but_the_first_forward_and_the_last_backward) {
  for (const std::int64_t groups : {4, 8, 32}) {
    const Uniform u{4, 2, 4 * groups, 1000, 2000, 1000, 2000};
    ScheduleFile file = with_waits(u, 4, 100, 50, 2);
    const Outcome outcome = simulate_or_fail(file, "optimus");
    const std::int64_t ideal = 1000 + (u.microbatches * 2 + 3) * 3000 + 2000;
    EXPECT_GE(outcome.iteration.value, ideal);
    EXPECT_LE(outcome.iteration.value, ideal + 50);
    EXPECT_EQ(job_lower_bound(file.pipeline, *file.before_rides).value, ideal);
    EXPECT_FALSE(find_bad_ride(file.pipeline, *file.before_rides, file.schedule).has_value());
    const RidingWork work = riding_work(file.pipeline, *file.before_rides, file.schedule);
    EXPECT_EQ(work.all.value, u.microbatches * 3000);
    EXPECT_GT(work.riding.value, work.all.value / 3);
    ScheduleFile without = with_waits(u, 4, 100, 50, 2);
    EXPECT_GT(simulate_or_fail(without, "optimus", {{"tensor_waits", 0}}).iteration, outcome.iteration);
    EXPECT_TRUE(without.schedule.rides.empty());
  }
}

// One rank, no bubbles: T = all work less what rides, and riding is bounded by the waits: M (w + 2w) kernels of 10.
TEST(Rides, gain_what_the_waits_carry_where_they_are_few) {
  const Uniform u{1, 1, 16, 1000, 2000, 600, 1200};
  ScheduleFile file = with_waits(u, 2, 15, 10, 1);
  const Outcome outcome = simulate_or_fail(file, "optimus");
  const std::int64_t all = 16 * (3000 + 1800), most = 16 * (2 + 4) * 10;
  EXPECT_GE(outcome.iteration.value, all - most);
  EXPECT_LE(outcome.iteration.value, all - most + 2 * 60);  // an operation's worth at either end
  const LiveLimits held = most_held(file.pipeline, file.schedule);
  EXPECT_LE(job_lower_bound(file.pipeline, *file.before_rides, held), outcome.iteration);
}

TEST(Rides, are_never_slower_than_without_and_their_files_hold) {
  for (const std::int64_t ranks : {1, 2, 4})
    for (const std::int64_t chunks : {1, 3})
      for (const std::int64_t encoder : {90, 1000, 5000})
        for (const std::int64_t transfer : {0, 70})
          for (const std::int64_t kernel : {10, 45}) {
            const Uniform u{ranks, chunks, ranks * 5, 1000, 1700, encoder, 2 * encoder, 0, 0, transfer};
            ScheduleFile file = with_waits(u, 3, 60, kernel, 2, encoder / 8), without = file;
            const Outcome outcome = simulate_or_fail(file, "optimus");
            EXPECT_LE(outcome.iteration, simulate_or_fail(without, "optimus", {{"tensor_waits", 0}}).iteration);
            const CostTable& costs = file.before_rides ? *file.before_rides : file.costs;
            const LiveLimits held = most_held(file.pipeline, file.schedule);
            EXPECT_LE(job_lower_bound(file.pipeline, costs, held), outcome.iteration);
            const std::string text = schedule_file_text(file, outcome);
            EXPECT_EQ(oracle::retime(text).iteration_ns, outcome.iteration.value);
            const ReadSchedule read = parse_schedule(text, "rides");
            EXPECT_EQ(read.file.schedule.rides, file.schedule.rides);
            EXPECT_FALSE(find_disagreement(read, outcome).has_value());
          }
}

// Hybrid fills slices first; what it lists then rides as a whole where waits are near.
TEST(Rides, make_hybrid_no_slower_and_never_slower_than_optimus) {
  for (const std::int64_t ranks : {1, 2, 4})
    for (const std::int64_t chunks : {1, 2})
      for (const std::int64_t encoder : {90, 1000, 5000})
        for (const std::int64_t limit : {0, 2, 4}) {
          const Uniform u{ranks, chunks, ranks * 5, 1000, 1700, encoder, 2 * encoder};
          std::map<std::string, std::int64_t> parameters = {{"search_fills", 4}};
          if (limit > 0) parameters["encoder_live_limit"] = limit;
          ScheduleFile riding = with_waits(u, 3, 60, 20, 2), without = abstract_file(u), optimus = riding;
          std::optional<Outcome> plain;
          try {
            plain = simulate_or_fail(without, "hybrid", parameters);
          } catch (const Error&) {
            continue;  // this limit deadlocks
          }
          const Outcome outcome = simulate_or_fail(riding, "hybrid", parameters);
          EXPECT_LE(outcome.iteration, plain->iteration);
          const CostTable& costs = riding.before_rides ? *riding.before_rides : riding.costs;
          EXPECT_FALSE(find_bad_ride(riding.pipeline, costs, riding.schedule).has_value())
              << find_bad_ride(riding.pipeline, costs, riding.schedule).value_or("");
          EXPECT_EQ(oracle::retime(schedule_file_text(riding, outcome)).iteration_ns, outcome.iteration.value);
          for (const RankActivations& rank : outcome.ranks)
            EXPECT_LE(live(rank, Role::encoder), limit > 0 ? static_cast<std::uint32_t>(limit) : UINT32_MAX);
          if (limit > 0) continue;
          EXPECT_LE(outcome.iteration, simulate_or_fail(optimus, "optimus").iteration);
        }
}

// What rides best is not what was fastest before. Where only the fastest rode, these jobs were slower with the larger
// of two limits.
TEST(Rides, make_hybrid_never_slower_with_a_larger_limit) {
  struct Job {
    Uniform costs;
    std::int64_t waits, length, kernel, per_wait;
  };
  const std::array<Job, 5> jobs{{{{3, 2, 18, 1000, 2000, 360, 720, 0, 0, 50}, 1, 100, 90, 1},
                                 {{4, 1, 24, 1000, 1700, 7200, 14400, 0, 0, 50}, 3, 100, 90, 4},
                                 {{4, 2, 24, 1000, 1700, 900, 1800}, 2, 100, 90, 4},
                                 {{3, 1, 18, 1000, 1700, 1800, 3600}, 1, 100, 90, 1},
                                 {{4, 2, 24, 1000, 1700, 1800, 3600}, 3, 100, 45, 4}}};
  for (const Job& job : jobs) {
    Nanoseconds before{INT64_MAX};
    for (const std::int64_t limit : {3, 4, 5, 6, 8, 10, 12, 20, 0}) {
      std::map<std::string, std::int64_t> parameters = {{"search_fills", 4}};
      if (limit > 0) parameters["encoder_live_limit"] = limit;
      ScheduleFile file = with_waits(job.costs, job.waits, job.length, job.kernel, job.per_wait);
      const Outcome found = simulate_or_fail(file, "hybrid", parameters);
      EXPECT_LE(found.iteration, before) << job.costs.ranks << " " << job.costs.chunks << ", limit " << limit;
      before = found.iteration;
      for (const RankActivations& rank : found.ranks)
        EXPECT_LE(live(rank, Role::encoder), limit > 0 ? static_cast<std::uint32_t>(limit) : UINT32_MAX);
    }
  }
}

ReadSchedule read_back(const ScheduleFile& file, const Outcome& outcome) {
  return parse_schedule(schedule_file_text(file, outcome), "rides");
}

TEST(Rides, that_are_impossible_are_found) {
  ScheduleFile file = with_waits({4, 2, 16, 1000, 2000, 1000, 2000}, 4, 100, 50, 2);
  const Outcome outcome = simulate_or_fail(file, "optimus");
  const ReadSchedule good = read_back(file, outcome);
  const auto problem = [&](auto&& spoil) {
    ReadSchedule bad = good;
    spoil(bad.file);
    return find_disagreement(bad, outcome).value_or("nothing");
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  EXPECT_TRUE(has(problem([](ScheduleFile& f) { f.schedule.rides[0].kernels += 9; }), "more than its waits carry"));
  EXPECT_TRUE(has(problem([](ScheduleFile& f) { f.schedule.rides[0].guest.module = kLlm; }), "nothing can ride"));
  EXPECT_TRUE(has(problem([](ScheduleFile& f) { f.schedule.rides[0].kernels -= 1; }), "beside them"));
  EXPECT_TRUE(has(problem([](ScheduleFile& f) { f.schedule.rides.front().host = f.schedule.rides.back().host; }),
                  "different ranks"));
  EXPECT_TRUE(has(problem([](ScheduleFile& f) { f.before_rides.reset(); }), "costs_before_rides_ns"));
  const auto next_rank = [](ScheduleFile& f) {
    for (Ride& ride : f.schedule.rides)
      ride.host.stage.value = static_cast<std::uint16_t>((ride.host.stage.value + 1) % 8);
  };
  EXPECT_TRUE(has(problem(next_rank), "different ranks"));
}

}  // namespace
}  // namespace bigmac::test
