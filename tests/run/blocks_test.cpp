// The gradients of every block against central differences, and a comparison that does notice what is wrong.
//
// f(x, w) = <direction, y(x, w)> + loss(x, w). With step h the central difference is off by O(h^2) and by rounding of
// O(1e-16 / h): at h = 1e-5 both are near 1e-10, far below the 1e-7 asked for.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "bigmac/base/random.h"
#include "bigmac/runner/plain.h"
#include "blocks.h"

namespace bigmac::runner {
namespace {

constexpr double kStep = 1e-5, kTolerance = 1e-7;
constexpr std::int64_t kRows = 5;

Tensor random_tensor(Random& random, Shape shape) {
  Tensor out(shape);
  for (double& value : out.values) value = random.normal();
  return out;
}

struct Trial {
  Block block;
  Sample sample;
  Tensors weights;
  Tensor x, direction;

  explicit Trial(BlockKind kind) : block{kind, 6, 6, true, 7} {
    Random random(3);
    if (kind == BlockKind::projection || kind == BlockKind::head || kind == BlockKind::target) block.out = 4;
    if (kind == BlockKind::embedding) block.out = 9, sample.tokens = {1, 8, 1};
    if (kind == BlockKind::head) sample.answers = {0, 3, 2, 1, 3};
    if (kind == BlockKind::target) sample.target = random_tensor(random, {kRows, block.out});
    sample.weight = 0.25;
    weights = initial_weights(block);
    x = random_tensor(random, {kRows, block.in});
    direction = random_tensor(random, run().shape);
  }

  Tensor run(double* loss = nullptr, Tensors* kept_out = nullptr) const {
    Tensors kept = allocate(math_of(block.kind).kept_shapes(block, kRows));
    double sum = 0;
    Tensor y = math_of(block.kind).forward(block, weights, sample, x, kept, sum);
    if (loss) *loss = sum;
    if (kept_out) *kept_out = std::move(kept);
    return y;
  }

  double value() const {
    double out = 0;
    const Tensor y = run(&out);
    for (std::size_t i = 0; i < y.values.size(); ++i) out += direction.values[i] * y.values[i];
    return out;
  }

  double slope(double& at) {
    const double before = at;
    at = before + kStep;
    const double up = value();
    at = before - kStep;
    const double down = value();
    at = before;
    return (up - down) / (2 * kStep);
  }
};

class EveryBlock : public testing::TestWithParam<BlockKind> {};

TEST_P(EveryBlock, has_the_gradients_that_differences_give) {
  Trial trial(GetParam());
  const BlockMath& math = math_of(trial.block.kind);
  Tensors kept, held, gradient = allocate(math.weight_shapes(trial.block));
  trial.run(nullptr, &kept);
  const Tensor dx = math.input_gradient(trial.block, trial.weights, trial.sample, kept, trial.direction, held);
  math.weight_gradient(trial.block, trial.weights, trial.sample, kept, held, gradient);
  ASSERT_EQ(dx.shape, trial.x.shape);
  for (std::size_t i = 0; i < dx.values.size(); ++i)
    EXPECT_NEAR(dx.values[i], trial.slope(trial.x.values[i]), kTolerance) << "input " << i;
  for (std::size_t w = 0; w < gradient.size(); ++w)
    for (std::size_t i = 0; i < gradient[w].values.size(); ++i)
      EXPECT_NEAR(gradient[w].values[i], trial.slope(trial.weights[w].values[i]), kTolerance)
          << "weight " << w << " entry " << i;
}

TEST_P(EveryBlock, keeps_as_many_bytes_as_its_shapes_say) {
  const Trial trial(GetParam());
  Tensors kept;
  trial.run(nullptr, &kept);
  const auto shapes = math_of(trial.block.kind).kept_shapes(trial.block, kRows);
  ASSERT_EQ(kept.size(), shapes.size());
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(kept[i].bytes(), shapes[i].size() * 8);
}

INSTANTIATE_TEST_SUITE_P(Runner, EveryBlock,
                         testing::Values(BlockKind::projection, BlockKind::attention, BlockKind::dense,
                                         BlockKind::embedding, BlockKind::head, BlockKind::target));

TEST(PlainStep, is_the_same_for_a_seed_and_another_for_another) {
  const Pipeline pipeline = make_pipeline(2, 1, 3, {"encoder"}, {"generator"}, "test");
  const PlainStep a = run_plainly(make_model(pipeline, 1)), b = run_plainly(make_model(pipeline, 1));
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_NE(a.loss, run_plainly(make_model(pipeline, 2)).loss);
  EXPECT_EQ(compare_gradients(a.gradients, b.gradients).relative, 0);
}

TEST(CompareGradients, notices_what_is_wrong) {
  const Pipeline pipeline = make_pipeline(2, 1, 3, {"encoder"}, {}, "test");
  const PlainStep plain = run_plainly(make_model(pipeline, 1));
  Gradients ours = plain.gradients;
  double& entry = ours[{kLlm, StageId{1}}].at(0).at(1).values.at(5);
  entry += 1e-6;
  const GradientDifference found = compare_gradients(ours, plain.gradients);
  EXPECT_GT(found.relative, 1e-7);
  EXPECT_EQ(found.stage, (StageKey{kLlm, StageId{1}}));
  entry = std::nan("");
  EXPECT_EQ(compare_gradients(ours, plain.gradients).relative, std::numeric_limits<double>::infinity());
  ours.erase({kLlm, StageId{1}});
  EXPECT_EQ(compare_gradients(ours, plain.gradients).relative, std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace bigmac::runner
