// dualpipe and dualpipev: the published op order, and the closed forms of the authors' table.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "split_backward.h"

namespace bigmac::test {
namespace {

std::optional<nlohmann::json> published(const std::string& name) {
  const char* shared = std::getenv("BIGMAC_SHARED");
  const std::filesystem::path root =
      shared ? std::filesystem::path(shared) : std::filesystem::path(BIGMAC_SOURCE_DIR).parent_path() / "shared";
  std::ifstream in(root / "data" / "goldens" / name);
  if (!in) return std::nullopt;
  return nlohmann::json::parse(in);
}

// As the published lists write it: kind, direction, the direction's own microbatch.
std::string label(const Op& op, std::uint32_t each) {
  return fmt::format("{}{}.{}", letter(op.kind), op.microbatch.value / each, op.microbatch.value % each);
}

// A pair "(F1.4;B0.0)" is its forward and then its backward.
std::vector<std::string> flattened(const nlohmann::json& ops) {
  std::vector<std::string> out;
  for (const auto& entry : ops) {
    std::string text = entry.get<std::string>();
    if (text.front() == '(') {
      const std::size_t middle = text.find(';');
      out.push_back(text.substr(1, middle - 1));
      text = text.substr(middle + 1, text.size() - middle - 2);
    }
    out.push_back(text);
  }
  return out;
}

TEST(DualPipe, orders_its_operations_as_the_authors_do) {
  const auto golden = published("dualpipe_8_20.json");
  if (!golden) GTEST_SKIP() << "no dualpipe_8_20.json: set BIGMAC_SHARED to the folder that holds data/goldens";
  ScheduleFile file = split_file(8, 1, 20, {});
  simulate_or_fail(file, "dualpipe");
  for (std::uint32_t rank = 0; rank < 8; ++rank) {
    std::vector<std::string> ours;
    for (const Op& op : file.schedule.rank_ops(RankId{rank})) {
      ours.push_back(label(op, 10));
      EXPECT_EQ(op.stage.value, op.microbatch.value < 10 ? rank : 7 - rank);
    }
    EXPECT_EQ(ours, flattened((*golden)[std::to_string(rank)])) << "rank " << rank;
  }
}

// Pairs stand in steps 4 and 5: a forward and, right after it, a full backward of the other stream. The two middle
// ranks run their first such two apart (they would only wait for each other).
std::vector<bool> starts_pair(std::span<const Op> ops, bool middle) {
  std::vector<bool> out(ops.size(), false);
  for (std::size_t i = 0; i + 1 < ops.size(); ++i)
    out[i] = ops[i].kind == OpKind::forward && ops[i + 1].kind == OpKind::backward;
  if (middle) *std::find(out.begin(), out.end(), true) = false;
  return out;
}

// Published fact: 18,402 operations at P = 32, M = 512, a pair counted once. Per rank h from the outer end (H = 16,
// N = 256): 2N forwards and 2N backwards, split W extra, less 2(N-2H+h+1) + (H-1-h) pairs (the middle: one fewer).
TEST(DualPipe, has_18402_operations_at_32_ranks_and_512_microbatches) {
  ScheduleFile file = split_file(32, 1, 512, {});
  simulate_or_fail(file, "dualpipe");
  std::size_t count = file.schedule.ops.size();
  for (std::uint32_t rank = 0; rank < 32; ++rank)
    for (const bool pair : starts_pair(file.schedule.rank_ops(RankId{rank}), rank == 15 || rank == 16)) count -= pair;
  EXPECT_EQ(count, 18'402u);
}

// A pair, once overlapped, begins when both its inputs are there and gives both its results at its end. Timed so, with
// F&B = F + B, the iteration must have the bubble of the table. `middle` ranks as above. No transfers.
std::int64_t time_with_whole_pairs(const ScheduleFile& file, const SplitCosts& costs) {
  const std::uint32_t ranks = file.pipeline.ranks, stages = file.pipeline.stages();
  const bool v = file.pipeline.chunks == 2;
  std::vector<std::vector<std::int64_t>> forward(stages, std::vector<std::int64_t>(file.pipeline.microbatches, -1));
  auto gradient = forward;
  const auto input = [&](const Op& op) -> std::int64_t {
    const std::uint32_t stage = op.stage.value, m = op.microbatch.value;
    if (op.kind == OpKind::forward) return stage == 0 ? 0 : forward[stage - 1][m];
    if (op.kind == OpKind::weight_gradient) return 0;
    return stage + 1 == stages ? forward[stage][m] : gradient[stage + 1][m];
  };
  const auto give = [&](const Op& op, std::int64_t at) {
    if (op.kind == OpKind::forward) forward[op.stage.value][op.microbatch.value] = at;
    else if (op.kind != OpKind::weight_gradient) gradient[op.stage.value][op.microbatch.value] = at;
  };
  const auto lasts = [&](const Op& op) {
    const std::int64_t by_kind[] = {costs.forward, costs.input_gradient + costs.weight_gradient, costs.input_gradient,
                                    costs.weight_gradient};
    return by_kind[static_cast<int>(op.kind)];
  };
  std::vector<std::size_t> at(ranks, 0);
  std::vector<std::int64_t> free(ranks, 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (std::uint32_t rank = 0; rank < ranks; ++rank) {
      const auto ops = file.schedule.rank_ops(RankId{rank});
      const auto pairs = starts_pair(ops, v ? rank == ranks - 1 : rank == ranks / 2 - 1 || rank == ranks / 2);
      while (at[rank] < ops.size()) {
        const std::size_t i = at[rank], count = pairs[i] ? 2 : 1;
        std::int64_t ready = input(ops[i]);
        if (count == 2 && ready >= 0) ready = input(ops[i + 1]) < 0 ? -1 : std::max(ready, input(ops[i + 1]));
        if (ready < 0) break;
        free[rank] = std::max(free[rank], ready) + lasts(ops[i]) + (count == 2 ? lasts(ops[i + 1]) : 0);
        for (std::size_t k = 0; k < count; ++k) give(ops[i + k], free[rank]);
        at[rank] += count;
        moved = true;
      }
    }
  }
  for (std::uint32_t rank = 0; rank < ranks; ++rank) EXPECT_EQ(at[rank], file.schedule.rank_ops(RankId{rank}).size());
  return *std::max_element(free.begin(), free.end());
}

// The table does not know I. Where I = W it is exact; where they differ the few split backwards make a little less.
void expect_table(std::int64_t bubble, std::int64_t table, const SplitCosts& costs) {
  if (costs.input_gradient == costs.weight_gradient) EXPECT_EQ(bubble, table);
  else EXPECT_LE(bubble, table);
}

// The authors' table: bubble (PP/2-1)(F&B + B - 3W), activations PP+1, with PP the number of ranks for dualpipe and of
// stages, 2P, for dualpipev. There B is the full backward. As simulated, the halves of a pair hand on their results one
// by one, so the bubble is smaller; with whole pairs it is the table's.
TEST(DualPipe, has_the_bubble_and_the_activations_of_the_table) {
  for (const std::int64_t ranks : {2, 4, 8, 16})
    for (const std::int64_t microbatches : {2 * ranks, 2 * ranks + 6, 8 * ranks})
      for (const SplitCosts& costs : {SplitCosts{1000, 1000, 1000, 0}, {1000, 1200, 800, 0}}) {
        const std::int64_t backward = costs.input_gradient + costs.weight_gradient;
        const std::int64_t table = (ranks / 2 - 1) * (costs.forward + backward + backward - 3 * costs.weight_gradient);
        ScheduleFile file = split_file(ranks, 1, microbatches, costs);
        const Outcome outcome = simulate_or_fail(file, "dualpipe");
        const std::int64_t work = microbatches * costs.all();
        EXPECT_LE(outcome.iteration.value - work, table) << "P " << ranks << " M " << microbatches;
        expect_table(time_with_whole_pairs(file, costs) - work, table, costs);
        EXPECT_EQ(most_live(outcome), ranks + 1);
      }
}

TEST(DualPipeV, has_the_bubble_and_the_activations_of_the_table) {
  for (const std::int64_t ranks : {1, 2, 4, 8, 16})
    for (const std::int64_t microbatches : {2 * ranks, 2 * ranks + 3, 8 * ranks})
      for (const SplitCosts& costs : {SplitCosts{1000, 1000, 1000, 0}, {1000, 1200, 800, 0}}) {
        const std::int64_t backward = costs.input_gradient + costs.weight_gradient;
        const std::int64_t table = (ranks - 1) * (costs.forward + backward + backward - 3 * costs.weight_gradient);
        ScheduleFile file = split_file(ranks, 2, microbatches, costs);
        const Outcome outcome = simulate_or_fail(file, "dualpipev");
        const std::int64_t work = 2 * microbatches * costs.all();
        EXPECT_LE(outcome.iteration.value - work, table) << "P " << ranks << " M " << microbatches;
        expect_table(time_with_whole_pairs(file, costs) - work, table, costs);
        EXPECT_LE(most_live(outcome), 2 * ranks + 1);
      }
}

}  // namespace
}  // namespace bigmac::test
