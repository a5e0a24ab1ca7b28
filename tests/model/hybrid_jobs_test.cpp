// Hybrid against Optimus on the four weak-scaling jobs of the Optimus paper (A to D: 64 to 512 GPUs), each under the
// plan on which Optimus is fastest.
//
// Both leave the LLM's order to its base and place encoder work in its bubbles. Optimus moves every forward before and
// every backward after the LLM on the ranks of each pipeline; hybrid may also run ahead and deal work to any rank, and
// takes bigmac's columns where nothing is better. So it is to be no slower.
#include <gtest/gtest.h>

#include "bigmac/planner/study.h"

namespace bigmac::test {
namespace {

Nanoseconds time_of(Study& study, const ScheduleChoice& choice) {
  const auto result = simulate_study(study, choice);
  const auto* outcome = std::get_if<Outcome>(&result);
  if (outcome == nullptr) ADD_FAILURE() << choice.name << ": " << std::get<Fault>(result).message;
  return outcome == nullptr ? Nanoseconds{} : outcome->iteration;
}

class OptimusJob : public testing::TestWithParam<const char*> {};

TEST_P(OptimusJob, hybrid_is_no_slower_than_optimus) {
  const std::string path = std::string(BIGMAC_SOURCE_DIR) + "/configs/jobs/optimus-" + GetParam() + ".json";
  Study study = study_job(load_job(path), {"optimus", "", {}}, 2);
  const Nanoseconds optimus = time_of(study, {"optimus", "", {}});
  const Nanoseconds hybrid = time_of(study, {"hybrid", "", {}});
  std::printf("  %s %s: optimus %.4f s, hybrid %.4f s\n", GetParam(), study.chosen.c_str(),
              1e-9 * static_cast<double>(optimus.value), 1e-9 * static_cast<double>(hybrid.value));
  EXPECT_LE(hybrid, optimus);
}

INSTANTIATE_TEST_SUITE_P(WeakScaling, OptimusJob, testing::Values("a", "b", "c", "d"));

}  // namespace
}  // namespace bigmac::test
