// The dynamic program over layers against every partition there is, with every number of layers run again.
#include <algorithm>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "bigmac/base/random.h"
#include "bigmac/cost/partition.h"

namespace bigmac::test {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

struct Instance {
  std::vector<PartitionLayer> layers;
  std::vector<PartitionStage> stages;
};

/// Work of layers [begin, end) on a stage with the first `again` of those that may running again; kNever where that
/// does not fit.
std::int64_t stage_work(const Instance& all, std::size_t stage, std::uint32_t begin, std::uint32_t end,
                        std::uint32_t again) {
  std::int64_t work = 0;
  double state = 0, kept = 0, transient = 0;
  for (std::uint32_t i = begin; i < end; ++i) {
    const PartitionLayer& layer = all.layers[i];
    const bool runs = layer.again && again > 0;
    if (runs) --again;
    work += runs ? layer.again->work : layer.work;
    state += layer.state;
    kept += runs ? layer.again->kept : layer.kept;
    transient = std::max({transient, layer.transient, runs ? layer.again->transient : 0});
  }
  if (again > 0) return kNever;  // so many are not there
  return state + all.stages[stage].live * kept + transient <= all.stages[stage].room ? work : kNever;
}

std::int64_t best_stage(const Instance& all, std::size_t stage, std::uint32_t begin, std::uint32_t end) {
  std::int64_t best = kNever;
  for (std::uint32_t again = 0; again <= end - begin; ++again)
    best = std::min(best, stage_work(all, stage, begin, end, again));
  return best;
}

/// The least dearest stage over all ways to cut, by recursion over the cuts.
std::int64_t brute_force(const Instance& all, std::size_t stage, std::uint32_t begin) {
  const auto count = static_cast<std::uint32_t>(all.layers.size());
  if (stage + 1 == all.stages.size()) return begin < count ? best_stage(all, stage, begin, count) : kNever;
  std::int64_t best = kNever;
  for (std::uint32_t end = begin + 1; end < count; ++end) {
    const std::int64_t own = best_stage(all, stage, begin, end), rest = brute_force(all, stage + 1, end);
    best = std::min(best, std::max(own, rest));
  }
  return best;
}

/// Embedding, `body` layers alike (or each different), head: as a model has them; a vision tower in front of some.
/// Bytes are whole numbers, so that sums are exact in any order.
Instance random_instance(Random& random, bool alike) {
  Instance out;
  const auto body = random.integer(1, 8);
  const auto layer = [&](std::int64_t most_work) {
    PartitionLayer one;
    one.work = random.integer(1, most_work);
    one.state = static_cast<double>(random.integer(0, 20));
    one.kept = static_cast<double>(random.integer(0, 12));
    one.transient = static_cast<double>(random.integer(0, 6));
    return one;
  };
  const auto may_run_again = [&](PartitionLayer& one) {
    one.again = PartitionLayer::Again{one.work + random.integer(1, 10), one.kept / 4,
                                      one.transient + static_cast<double>(random.integer(0, 6))};
  };
  if (random.integer(0, 1) == 1) out.layers.push_back(layer(60));  // a vision tower
  out.layers.push_back(layer(5));
  const bool again = random.integer(0, 1) == 1;
  PartitionLayer block = layer(20);
  if (again) may_run_again(block);
  for (std::int64_t i = 0; i < body; ++i) {
    out.layers.push_back(block);
    if (!alike) {
      block = layer(20);
      if (again) may_run_again(block);
    }
  }
  out.layers.push_back(layer(40));
  const auto stages = random.integer(1, std::min<std::int64_t>(5, static_cast<std::int64_t>(out.layers.size())));
  const auto room = static_cast<double>(random.integer(20, 250));
  const auto microbatches = random.integer(1, 8);
  for (std::int64_t s = 0; s < stages; ++s)  // 1F1B
    out.stages.push_back({static_cast<double>(std::min(microbatches, stages - s)), room});
  return out;
}

void expect_valid(const Instance& all, const PartitionPlan& plan) {
  ASSERT_EQ(plan.first.size(), all.stages.size() + 1);
  EXPECT_EQ(plan.first.front(), 0u);
  EXPECT_EQ(plan.first.back(), all.layers.size());
  std::int64_t slowest = 0;
  for (std::size_t s = 0; s < all.stages.size(); ++s) {
    ASSERT_LT(plan.first[s], plan.first[s + 1]);
    slowest = std::max(slowest, stage_work(all, s, plan.first[s], plan.first[s + 1], plan.again[s]));
  }
  EXPECT_EQ(slowest, plan.slowest);  // kNever where a stage does not fit
}

TEST(Partition, is_the_best_of_all_that_fit_where_layers_that_run_again_are_alike) {
  Random random(7);
  int fits = 0, runs_again = 0;
  for (int i = 0; i < 4000; ++i) {
    const Instance all = random_instance(random, true);
    const auto found = partition_within(all.layers, all.stages);
    const std::int64_t best = brute_force(all, 0, 0);
    ASSERT_EQ(found ? found->slowest : kNever, best) << "instance " << i;
    if (!found) continue;
    expect_valid(all, *found);
    ++fits;
    runs_again += std::accumulate(found->again.begin(), found->again.end(), 0u) > 0 ? 1 : 0;
  }
  EXPECT_GT(fits, 1000);
  EXPECT_LT(fits, 3500);
  EXPECT_GT(runs_again, 100);
}

// Of layers that differ the first ones run again, which is how a stage is defined; so this is exact too.
TEST(Partition, is_the_best_of_all_that_fit_where_every_layer_differs) {
  Random random(8);
  for (int i = 0; i < 4000; ++i) {
    const Instance all = random_instance(random, false);
    const auto found = partition_within(all.layers, all.stages);
    ASSERT_EQ(found ? found->slowest : kNever, brute_force(all, 0, 0)) << "instance " << i;
    if (found) expect_valid(all, *found);
  }
}

// The example of partition.cpp: work 1, state 1, kept 1, live 4 3 2 1.
TEST(Partition, gives_the_example_of_its_description) {
  Instance all;
  all.layers.assign(8, {3, 1, 1, 0, std::nullopt});
  const auto with_room = [&](double room) {
    all.stages.clear();
    for (const double live : {4., 3., 2., 1.}) all.stages.push_back({live, room});
    return partition_within(all.layers, all.stages);
  };
  EXPECT_EQ(with_room(10)->first, (Partition{0, 2, 4, 6, 8}));
  EXPECT_EQ(with_room(9)->first, (Partition{0, 1, 2, 5, 8}));
  EXPECT_EQ(with_room(9)->slowest, 9);
  EXPECT_FALSE(with_room(4.5).has_value());
  for (PartitionLayer& layer : all.layers) layer.again = PartitionLayer::Again{4, 0.2, 0};
  EXPECT_EQ(with_room(9)->first, (Partition{0, 2, 4, 6, 8}));
  EXPECT_EQ(with_room(9)->slowest, 7);
  EXPECT_EQ(with_room(9)->again, (std::vector<std::uint32_t>{1, 0, 0, 0}));
}

}  // namespace
}  // namespace bigmac::test
