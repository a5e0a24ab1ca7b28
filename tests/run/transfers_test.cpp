// Which products cross ranks, by hand for small schedules.
#include "bigmac/runner/transfers.h"

#include <gtest/gtest.h>

#include "support.h"

namespace bigmac::test {
namespace {

using runner::count_transfers;
using runner::transfers_of;

Schedule two_ranks(std::vector<Op> first, std::vector<Op> second) {
  Schedule schedule;
  schedule.first = {0, static_cast<std::uint32_t>(first.size()),
                    static_cast<std::uint32_t>(first.size() + second.size())};
  schedule.ops = std::move(first);
  schedule.ops.insert(schedule.ops.end(), second.begin(), second.end());
  return schedule;
}

Op op(OpKind kind, std::uint16_t stage, ModuleId module = kLlm) {
  return {MicrobatchId{0}, StageId{stage}, module, kind};
}

constexpr OpKind F = OpKind::forward, B = OpKind::backward, I = OpKind::input_gradient, W = OpKind::weight_gradient;

TEST(Transfers, activations_go_down_and_gradients_come_back) {
  const Pipeline pipeline = make_pipeline(2, 1, 1, {}, {}, "test");
  const Schedule schedule = two_ranks({op(F, 0), op(B, 0)}, {op(F, 1), op(I, 1), op(W, 1)});
  const auto top = transfers_of(pipeline, schedule, RankId{0}), bottom = transfers_of(pipeline, schedule, RankId{1});
  EXPECT_EQ(top.sends[0], std::vector<RankId>{RankId{1}});
  EXPECT_TRUE(top.sends[1].empty());
  ASSERT_EQ(top.arrivals.size(), 1u);
  EXPECT_EQ(top.arrivals[0].product.product, Product::input_gradient);
  EXPECT_EQ(top.arrivals_up_to, (std::vector<std::uint32_t>{0, 1}));
  EXPECT_EQ(bottom.sends[1], std::vector<RankId>{RankId{0}});  // I hands on, W does not
  EXPECT_TRUE(bottom.sends[2].empty());
  EXPECT_TRUE(bottom.reads[1].empty());  // what a pass needs of itself is no read
}

TEST(Transfers, a_V_turns_on_one_rank_without_a_message) {
  const Pipeline pipeline = make_pipeline(2, 2, 1, {}, {}, "test");
  const Schedule schedule =
      two_ranks({op(F, 0), op(F, 3), op(B, 3), op(B, 0)}, {op(F, 1), op(F, 2), op(B, 2), op(B, 1)});
  EXPECT_EQ(count_transfers(pipeline, schedule), 4u);  // 0>1, 2>3 and their gradients
  const auto bottom = transfers_of(pipeline, schedule, RankId{1});
  EXPECT_TRUE(bottom.sends[0].empty());
  EXPECT_EQ(bottom.reads[1].size(), 1u);
}

TEST(Transfers, a_product_that_two_operations_of_a_rank_read_comes_once) {
  const Pipeline pipeline = make_pipeline(2, 1, 1, {}, {"generator", "generator_b"}, "test");
  const ModuleId g = pipeline.generators[0], h = pipeline.generators[1];
  const Schedule schedule =
      two_ranks({op(F, 0), op(F, 0, g), op(F, 0, h), op(B, 0, g), op(B, 0, h), op(B, 0)}, {op(F, 1), op(B, 1)});
  const auto top = transfers_of(pipeline, schedule, RankId{0});
  EXPECT_EQ(top.arrivals.size(), 2u);  // the last stage's output and its gradient
  const runner::ProductNumbers number(pipeline);
  EXPECT_EQ(top.readers[number(top.arrivals[0].product)], 2u);
  EXPECT_EQ(transfers_of(pipeline, schedule, RankId{1}).arrivals.size(), 3u);  // 0F, and a gradient of each generator
}

TEST(Transfers, only_the_last_part_gives_and_only_the_first_takes) {
  const Pipeline pipeline = make_pipeline(2, 1, 1, {"encoder"}, {}, "test");
  const ModuleId e = pipeline.encoders[0];
  Op half = op(F, 0, e), rest = half, back = op(B, 0, e), back_rest = back;
  half.parts = rest.parts = back.parts = back_rest.parts = 2;
  rest.part = back_rest.part = 1;
  const Schedule schedule = two_ranks({op(F, 0), op(B, 0)}, {half, rest, op(F, 1), op(B, 1), back, back_rest});
  const auto bottom = transfers_of(pipeline, schedule, RankId{1});
  EXPECT_TRUE(bottom.sends[0].empty());
  EXPECT_EQ(bottom.sends[1], std::vector<RankId>{RankId{0}});
  EXPECT_EQ(bottom.reads[4].size(), 1u);
  EXPECT_TRUE(bottom.reads[5].empty());
}

TEST(Transfers, numbers_of_products_are_dense_and_unique) {
  const Pipeline pipeline = make_pipeline(2, 2, 3, {"encoder"}, {"generator"}, "test");
  const runner::ProductNumbers number(pipeline);
  std::vector<int> seen(number.count());
  for (std::uint8_t m = 0; m < 3; ++m)
    for (std::uint16_t stage = 0; stage < pipeline.modules.items[m].stages; ++stage)
      for (std::uint32_t mb = 0; mb < 3; ++mb)
        for (const Product product : {Product::output, Product::input_gradient})
          ++seen[number({product, ModuleId{m}, StageId{stage}, MicrobatchId{mb}})];
  EXPECT_EQ(seen, std::vector<int>(number.count(), 1));
}

}  // namespace
}  // namespace bigmac::test
