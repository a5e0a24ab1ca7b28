// The search against brute force: every plan under every schedule evaluated without bounds, then sorted and filtered
// here.
#include <algorithm>
#include <map>
#include <memory>
#include <numeric>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "bigmac/planner/search.h"
#include "bigmac/schedule/registry.h"
#include "bigmac/schedule/residency.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

struct Case {
  const char* name;
  const char* model;
  const char* cluster;
  int gpus;
  double limit_gb;
  std::string members;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

/// "data" with two images a sample, `low` to `high` tokens each.
std::string images(int sequence, int low, int high) {
  return R"(, "data": {"sequence_length": )" + std::to_string(sequence) +
         R"(, "images_per_sample": 2, "image_tokens": {"distribution": "uniform", "low": )" + std::to_string(low) +
         R"(, "high": )" + std::to_string(high) + "}}";
}

const std::vector<Case> kCases = {
    {"vision_language_on_a_node", "qwen2.5-vl-7b", "h100-80g", 8, 70,
     images(4096, 100, 900) + R"(, "batch": {"global": 16}, "parallel": {"tp": 2, "recompute": "selective"})"},
    {"tight_memory", "qwen2.5-vl-7b", "h100-80g", 8, 38,
     images(4096, 100, 900) + R"(, "batch": {"global": 16, "micro": 1}, "parallel": {"pp": 4, "tp": 1})"},
    {"language_alone", "llama-3.1-8b", "h100-80g", 8, 60,
     R"(, "data": {"sequence_length": 4096}, "batch": {"global": 16, "micro": 1}, "parallel": {"tp": 2})"},
    {"experts", "qwen3-30b-a3b", "h800-80g", 16, 75,
     R"(, "data": {"sequence_length": 4096}, "batch": {"global": 64, "micro": 1}, "parallel": {"tp": 2, "pp": 4})"},
    {"long_sequences", "llama-3.1-8b", "h200-141g", 16, 130,
     R"(, "data": {"sequence_length": 32768}, "batch": {"global": 16, "micro": 1}, "parallel": {"recompute": "full"})"},
    {"experts_and_images", "qwen3-vl-30b-a3b", "h800-80g", 32, 76,
     images(8192, 256, 2048) + R"(, "batch": {"global": 64, "micro": 1},
        "parallel": {"tp": 1, "recompute": "full", "ep": 8})"},
    {"encoder_and_generator", "bigmac-b", "h800-80g", 32, 76,
     images(4096, 256, 1024) + R"(, "batch": {"global": 32, "micro": 1},
        "parallel": {"tp": 2, "ep": 8, "pp": 2, "recompute": "full"})"},
    {"heavy_encoder", "vit-11b+llama-70b", "b200", 32, 170,
     R"(, "data": {"sequence_length": 2048}, "batch": {"global": 32, "micro": 1}, "parallel": {"tp": 8, "vpp": 2})"},
    {"frozen_encoder", "internvl3-8b", "h100-80g", 8, 70,
     R"(, "data": {"sequence_length": 4096, "images_per_sample": {"distribution": "uniform", "low": 0, "high": 8}},
        "batch": {"global": 16}, "training": {"freeze_encoder": true},
        "parallel": {"tp": 2, "pp": 2, "recompute": "none"})"},
    {"fewer_microbatches_than_ranks", "qwen2.5-vl-7b", "h100-80g", 16, 60,
     images(2048, 100, 900) + R"(, "batch": {"global": 4, "micro": 1}, "training": {"distributed_optimizer": false},
        "parallel": {"tp": 1})"},
    {"microbatches_that_ranks_do_not_divide", "qwen2.5-vl-7b", "h100-80g", 8, 60,
     images(4096, 100, 900) + R"(, "batch": {"global": 14, "micro": 1},
        "parallel": {"tp": 2, "pp": 4, "vpp": 3})"},
    {"whole_optimizer", "llama-3.1-8b", "h100-80g", 32, 30,
     R"(, "data": {"sequence_length": 4096}, "batch": {"global": 32, "micro": 1}, "parallel": {"tp": 4, "pp": 4})"},
    {"nothing_fits", "vit-22b+gpt-175b", "h100-80g", 32, 75,
     R"(, "data": {"sequence_length": 2048}, "batch": {"global": 32, "micro": 1},
        "parallel": {"pp": 4, "vpp": 2, "tp": 8})"},
};

struct Key {
  std::int64_t step, memory;
  std::string plan, schedule;
  friend auto operator<=>(const Key&, const Key&) = default;
};

void PrintTo(const Key& key, std::ostream* out) {
  *out << key.step << " ns, " << key.memory << " B, " << key.plan << " " << key.schedule;
}

Key key_of(const Evaluation& e) { return {e.step.value, e.memory.value, e.label(), e.schedule_label()}; }

std::vector<Key> keys_of(const std::vector<Evaluation>& evaluations) {
  std::vector<Key> out;
  for (const Evaluation& e : evaluations) out.push_back(key_of(e));
  return out;
}

/// Every schedule that a search would try, hybrid among them, with the settings that a build takes least time with.
std::vector<ScheduleChoice> all_choices(const Job& job) {
  std::vector<std::string> names = suitable_schedules(job);
  for (const ScheduleInfo& info : all_schedules())
    if (info.refines) names.push_back(info.name);
  std::vector<ScheduleChoice> out;
  for (const std::string& name : names) {
    std::map<std::string, std::int64_t> cheap;
    for (const ScheduleParameter& parameter : find_schedule(name).parameters)
      if (parameter.cheap) cheap[parameter.name] = *parameter.cheap;
    out.push_back({name, "", cheap});
    for (const ScheduleParameter& parameter : find_schedule(name).parameters)
      for (const std::int64_t value : parameter.tries) {
        out.push_back({name, "", cheap});
        out.back().parameters[parameter.name] = value;
      }
  }
  return out;
}

/// Everything there is, evaluated once per case.
struct Everything {
  Job job;
  PlanSpace space;
  std::unique_ptr<ProfileCache> cache;
  std::vector<Key> found;  ///< every plan under every schedule that can run it; settings without effect once
  std::int64_t candidates = 0, refused = 0, repeated = 0;
  Bytes limit;
  Bytes least = kMaxBytes;  ///< that any needs which is not asked to keep within the limit
};

void expect_above(const std::vector<QuickBound>& bounds, const Key& key) {
  EXPECT_TRUE(std::any_of(
      bounds.begin(), bounds.end(),
      [&](const QuickBound& bound) { return bound.step.value <= key.step && bound.memory.value <= key.memory; }))
      << key.plan << " " << key.schedule << " takes " << key.step << " ns and " << key.memory << " B; least bound "
      << bounds.back().step.value << " ns";
}

// The bound for free placements holds for every schedule; the one for a placement, for schedules that promise it in the
// registry (whole backwards, default stages), and then their operations lie where it says.
void expect_bounded(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, const ScheduleChoice& choice,
                    const Key& key) {
  const Residency where =
      residency(costs.pipeline, build_schedule(choice.name, {costs.pipeline, costs.table, "", choice.parameters}));
  for (const SidePlacement sides :
       {SidePlacement::anywhere, SidePlacement::every_rank, SidePlacement::first_and_last, SidePlacement::free_sides}) {
    if (sides != SidePlacement::anywhere && find_schedule(choice.name).sides != sides) continue;
    const Residency assumed = default_residency(costs.pipeline, sides);
    for (std::uint32_t rank = 0; rank < costs.pipeline.ranks && sides != SidePlacement::anywhere; ++rank)
      for (std::size_t id = 0; id < (sides == SidePlacement::free_sides ? 1 : costs.pipeline.modules.size()); ++id) {
        const ModuleId module{static_cast<std::uint8_t>(id)};
        EXPECT_EQ(where.stages[rank][module], assumed.stages[rank][module]) << key.schedule;
      }
    const std::vector<QuickBound> bounds = quick_bounds(job, plan, costs, sides);
    expect_above(bounds, key);
  }
}

/// A schedule that holds more than the case's limit is asked to keep within it, where it can.
void ask_to_keep_within(const Everything& all, const ParallelPlan& plan, const PlanCosts& costs,
                        const ScheduleChoice& choice, Key& key) {
  if (key.memory <= all.limit.value) return;
  const auto within = evaluate(all.job, plan, costs, choice, all.limit);
  if (!within || within->memory > all.limit) return;
  key = key_of(*within);
  expect_above(quick_bounds(all.job, plan, costs, find_schedule(choice.name).sides), key);
}

void add_plan(Everything& all, const ParallelPlan& plan, const std::vector<ScheduleChoice>& choices) {
  const PlanCosts costs = all.cache->costs(plan);
  if (plan.recompute == Recompute::partial &&
      std::accumulate(costs.again.begin(), costs.again.end(), 0u) == 0) {  // the plan without does the same
    all.repeated += static_cast<std::int64_t>(choices.size());
    return;
  }
  std::map<std::string, std::vector<Key>> seen;  // by schedule
  for (const ScheduleChoice& choice : choices) {
    ++all.candidates;
    const auto e = evaluate(all.job, plan, costs, choice);
    if (!e) {
      ++all.refused;
      continue;
    }
    Key key = key_of(*e);
    expect_bounded(all.job, plan, costs, choice, key);
    all.least = std::min(all.least, e->memory);
    ask_to_keep_within(all, plan, costs, choice, key);
    std::vector<Key>& before = seen[choice.name];
    const bool repeats = std::any_of(before.begin(), before.end(), [&](const Key& other) {
      return other.step == key.step && other.memory == key.memory;
    });
    before.push_back(key);
    if (!repeats) all.found.push_back(key);
  }
}

const Everything& everything(const Case& c) {
  static std::map<std::string, Everything> known;
  const auto [at, is_new] = known.try_emplace(c.name);
  Everything& all = at->second;
  if (!is_new) return all;
  all.job = full_job(c.model, c.cluster, c.gpus, c.members);
  all.limit = Bytes{static_cast<std::int64_t>(1e9 * c.limit_gb)};
  all.job.memory_limit = all.limit;
  all.space = enumerate_plans(all.job, Axes::all);
  all.cache = std::make_unique<ProfileCache>(all.job, all.space.plans, 1);
  const std::vector<ScheduleChoice> choices = all_choices(all.job);
  for (const ParallelPlan& plan : all.space.plans) add_plan(all, plan, choices);
  return all;
}

auto rank_by(Objective objective) {
  return [objective](const Key& a, const Key& b) {
    const auto key = [&](const Key& k) {
      const bool memory = objective == Objective::memory;
      return std::tuple(memory ? k.memory : k.step, memory ? k.step : k.memory, k.plan, k.schedule);
    };
    return key(a) < key(b);
  };
}

std::vector<Key> fitting(const Everything& all) {
  std::vector<Key> out;
  std::copy_if(all.found.begin(), all.found.end(), std::back_inserter(out),
               [&](const Key& k) { return k.memory <= all.limit.value; });
  return out;
}

std::vector<Key> best_of(const Everything& all, Objective objective) {
  std::vector<Key> out = fitting(all);
  std::sort(out.begin(), out.end(), rank_by(objective));
  out.resize(std::min<std::size_t>(out.size(), 10));
  return out;
}

// No other is as good in both and better in one; of equals the first by name.
std::vector<Key> front_of(const Everything& all) {
  std::vector<Key> plans = fitting(all), front;
  std::sort(plans.begin(), plans.end());
  for (const Key& a : plans) {
    const bool beaten = std::any_of(plans.begin(), plans.end(), [&](const Key& b) {
      const bool equal = b.step == a.step && b.memory == a.memory;
      return b.step <= a.step && b.memory <= a.memory && (!equal || b < a);
    });
    if (!beaten) front.push_back(a);
  }
  return front;
}

SearchResult searched(const Everything& all, Objective objective, int threads) {
  SearchOptions options;
  options.objective = objective;
  options.memory_limit = all.limit;
  options.threads = threads;
  options.refine = true;
  return search(all.job, all.space, *all.cache, options);
}

class Search : public testing::TestWithParam<Case> {};

TEST_P(Search, finds_what_brute_force_finds_for_every_objective_and_number_of_threads) {
  const Everything& all = everything(GetParam());
  ASSERT_GE(all.space.plans.size(), 8u);
  ASSERT_LE(all.space.plans.size(), 500u) << "too many for brute force";
  const std::vector<Key> front = front_of(all);
  for (const Objective objective : {Objective::time, Objective::memory, Objective::pareto})
    for (const int threads : {1, 2}) {
      const SearchResult result = searched(all, objective, threads);
      EXPECT_EQ(keys_of(result.best), best_of(all, objective)) << "objective " << static_cast<int>(objective);
      EXPECT_EQ(keys_of(result.front), front);
      for (const auto* plans : {&result.best, &result.front})
        for (const Evaluation& e : *plans) EXPECT_LE(e.memory, all.limit);
    }
}

// As `bigmac-sim check` re-checks a file: every plan that is printed is valid and within the limit that its file
// states.
TEST_P(Search, prints_only_plans_whose_files_are_within_the_limit) {
  const Everything& all = everything(GetParam());
  const SearchResult result = searched(all, Objective::time, 1);
  std::vector<Evaluation> printed = result.best;
  printed.insert(printed.end(), result.front.begin(), result.front.end());
  for (const Evaluation& e : printed) {
    const DetailedPlan plan = work_out(all.job, all.cache->costs(e.plan), e);
    EXPECT_EQ(key_of(plan.evaluation), key_of(e));
    const ReadSchedule read = parse_schedule(schedule_file_text(plan.file, plan.outcome), "plan.json");
    ASSERT_EQ(read.stated.memory_limit, all.limit);
    const auto outcome = simulate(read.file.pipeline, read.file.costs, read.file.schedule);
    ASSERT_TRUE(std::holds_alternative<Outcome>(outcome)) << e.label();
    EXPECT_EQ(find_disagreement(read, std::get<Outcome>(outcome)), std::nullopt) << e.label();
    EXPECT_EQ(read.stated.memory_total.size(), read.file.pipeline.ranks);
  }
}

TEST_P(Search, counts_every_candidate_once_whatever_the_number_of_threads) {
  const Everything& all = everything(GetParam());
  const SearchCounts one = searched(all, Objective::time, 1).counts, two = searched(all, Objective::time, 2).counts;
  EXPECT_EQ(one.repeated, all.repeated);
  EXPECT_EQ(one.candidates, all.candidates + one.repeated);
  EXPECT_EQ(one.candidates,
            one.repeated + one.pruned_memory + one.pruned_bound + one.refused + one.over_memory + one.simulated);
  EXPECT_EQ(one.left, 0);
  EXPECT_LE(one.refused, all.refused);
  const auto fields = [](const SearchCounts& c) {
    return std::tuple(c.candidates, c.repeated, c.pruned_memory, c.pruned_bound, c.refused, c.over_memory, c.simulated);
  };
  EXPECT_EQ(fields(one), fields(two));
}

TEST_P(Search, names_the_plan_that_needs_least_where_nothing_fits) {
  const Everything& all = everything(GetParam());
  SearchOptions options;
  // A limit below every plan, and below what any can keep within: nothing is simulated, and what comes nearest is known
  // exactly.
  options.memory_limit = Bytes{all.least.value / 2};
  options.refine = true;
  const SearchResult result = search(all.job, all.space, *all.cache, options);
  EXPECT_TRUE(result.best.empty());
  EXPECT_TRUE(result.front.empty());
  EXPECT_EQ(result.counts.simulated, 0);
  ASSERT_TRUE(result.nearest_miss.has_value());
  EXPECT_EQ(result.nearest_miss->memory, all.least)
      << result.nearest_miss->label() << " " << result.nearest_miss->schedule_label();
  const SearchCounts& c = result.counts;
  EXPECT_EQ(c.candidates, c.repeated + c.pruned_memory + c.pruned_bound + c.refused + c.over_memory + c.simulated);
}

INSTANTIATE_TEST_SUITE_P(SmallJobs, Search, testing::ValuesIn(kCases),
                         [](const testing::TestParamInfo<Case>& one) { return std::string(one.param.name); });

// With few plans shown most are pruned; what is shown stays the same.
TEST(SearchPruning, skips_plans_without_changing_what_is_found) {
  const Everything& all = everything(kCases[0]);
  SearchOptions options;
  options.memory_limit = all.limit;
  options.shown = 1;
  options.refine = true;
  const SearchResult result = search(all.job, all.space, *all.cache, options);
  EXPECT_GT(result.counts.pruned_bound, 0);
  EXPECT_EQ(keys_of(result.best), std::vector<Key>{best_of(all, Objective::time).front()});
  EXPECT_EQ(keys_of(result.front), front_of(all));
}

// Where memory suffices, partial recompute runs nothing again: the plan of a job that states it, and no other's double.
TEST(SearchPruning, keeps_partial_recompute_of_nothing_where_the_job_states_it) {
  const auto fastest = [](const std::string& recompute) {
    const Job job = full_job("llama-3.1-8b", "h200-141g", 8,
                             R"(, "data": {"sequence_length": 2048}, "batch": {"global": 8, "micro": 1},
        "limits": {"memory_bytes": 140000000000}, "parallel": {"tp": 4, "pp": 2, "recompute": ")" +
                                 recompute + "\"}");
    const PlanSpace space = enumerate_plans(job);
    SearchOptions options;
    options.memory_limit = *job.memory_limit;
    const SearchResult result = search(job, space, ProfileCache(job, space.plans, 1), options);
    return result.best.empty() ? 0 : result.best.front().step.value;
  };
  EXPECT_GT(fastest("partial"), 0);
  EXPECT_EQ(fastest("partial"), fastest("none"));
}

// Without effort schedules that search while they build are left out; what is then proven still holds for all.
TEST(SearchEffort, says_what_may_have_been_missed_and_finds_everything_with_enough) {
  for (const Case& c : {kCases[0], kCases[7]}) {
    const Everything& all = everything(c);
    SearchOptions options;
    options.memory_limit = all.limit;
    options.refine = true;
    const std::int64_t truth = best_of(all, Objective::time).front().step;
    for (const double effort : {0.0, 0.01, 0.05, kExhaustive}) {
      options.effort = effort;
      const SearchResult result = search(all.job, all.space, *all.cache, options);
      const SearchCounts& n = result.counts;
      EXPECT_EQ(n.candidates,
                n.repeated + n.pruned_memory + n.pruned_bound + n.refused + n.over_memory + n.simulated + n.left);
      EXPECT_LE(result.proven.value, truth) << c.name;
      EXPECT_GE(result.front.front().step.value, truth) << c.name;
      EXPECT_LE(result.floor, result.proven) << c.name;
      if (effort == 0) {
        EXPECT_GT(n.left, 0) << c.name;
      }
      if (effort == kExhaustive) {
        EXPECT_EQ(n.left, 0) << c.name;
      }
      if (n.left == 0) {
        EXPECT_EQ(result.proven.value, truth) << c.name;
      }
    }
  }
}

// The same plan costs the same whatever else is searched.
TEST(ProfileCache, gives_a_plan_the_same_costs_alone_and_among_others) {
  for (const Case& c : {kCases[0], kCases[6]}) {
    const Everything& all = everything(c);
    for (std::size_t i = 0; i < all.space.plans.size(); i += 1 + all.space.plans.size() / 10) {
      const ParallelPlan& plan = all.space.plans[i];
      const PlanCosts alone = ProfileCache(all.job, {plan}, 1).costs(plan), among = all.cache->costs(plan);
      EXPECT_EQ(alone.table.duration, among.table.duration) << c.name << " plan " << i;
      EXPECT_EQ(alone.table.activation, among.table.activation);
      EXPECT_EQ(alone.model_flops, among.model_flops);
    }
  }
}

}  // namespace
}  // namespace bigmac::test
