// Measured layer times take the place of the analytic ones, and nothing else changes.
#include "bigmac/workload/measured_costs.h"

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/base/json_reader.h"
#include "bigmac/cost/plan_costs.h"

namespace bigmac {
namespace {

constexpr const char* kTwoEntries = R"({"schema": "bigmac.costs/1", "source": "made up for this test", "entries": [
  {"module": "llm", "layer": "transformer", "tp": 1, "tokens": 2000, "forward_us": 100, "input_gradient_us": 110, "weight_gradient_us": 90},
  {"module": "llm", "layer": "transformer", "tp": 1, "tokens": 4000, "forward_us": 300, "input_gradient_us": 310, "weight_gradient_us": 190}]})";

TEST(MeasuredCosts, are_interpolated_between_and_in_proportion_beyond_what_was_measured) {
  const MeasuredCosts costs = parse_measured_costs(kTwoEntries, "test");
  const auto forward = [&](double tokens) { return costs.at("llm", LayerKind::transformer, 1, tokens)->forward_us; };
  EXPECT_DOUBLE_EQ(forward(2000), 100);
  EXPECT_DOUBLE_EQ(forward(3000), 200);
  EXPECT_DOUBLE_EQ(forward(4000), 300);
  EXPECT_DOUBLE_EQ(forward(1000), 50);
  EXPECT_DOUBLE_EQ(forward(8000), 600);
  EXPECT_FALSE(costs.at("llm", LayerKind::transformer, 2, 2000).has_value());
  EXPECT_FALSE(costs.at("encoder", LayerKind::transformer, 1, 2000).has_value());
}

TEST(MeasuredCosts, are_refused_when_they_contradict_themselves) {
  std::string twice = kTwoEntries;
  twice.replace(twice.find("4000"), 4, "2000");
  EXPECT_THROW(parse_measured_costs(twice, "test"), Error);
  std::string negative = kTwoEntries;
  negative.replace(negative.find("100"), 3, "-10");
  EXPECT_THROW(parse_measured_costs(negative, "test"), Error);
}

TEST(MeasuredCosts, drive_the_profile_of_a_module_and_leave_other_layers_analytic) {
  Job job = load_job(BIGMAC_SOURCE_DIR "/configs/jobs/qwen2.5-vl-7b_h100x8.json");
  MicrobatchLoad load;
  load.llm_tokens = 4000;
  load.llm_attention_pairs = 4000.0 * 4000.0;
  const ModuleProfile analytic = llm_profile(job, {}, load);
  job.measured = parse_measured_costs(kTwoEntries, "test");
  const ModuleProfile measured = llm_profile(job, {}, load);
  ASSERT_EQ(measured.layers.size(), analytic.layers.size());
  for (std::size_t i = 0; i < measured.layers.size(); ++i) {
    const bool transformer = job.model->llm.layers[i].kind == LayerKind::transformer;
    EXPECT_EQ(measured.layers[i].forward_us, transformer ? 300 : analytic.layers[i].forward_us);
    EXPECT_EQ(measured.layers[i].activation_bytes, analytic.layers[i].activation_bytes);
  }
}

// Full recomputation runs the measured forward once more before the backward.
TEST(MeasuredCosts, pay_one_more_forward_under_full_recomputation) {
  Job job = load_job(BIGMAC_SOURCE_DIR "/configs/jobs/qwen2.5-vl-7b_h100x8.json");
  job.measured = parse_measured_costs(kTwoEntries, "test");
  MicrobatchLoad load;
  load.llm_tokens = 4000;
  ParallelPlan plan;
  plan.recompute = Recompute::full;
  EXPECT_EQ(llm_profile(job, plan, load).layers[1].input_gradient_us, 310 + 300);
}

}  // namespace
}  // namespace bigmac
