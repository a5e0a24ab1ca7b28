// Degrees that no plan can have are refused where the job states them.
#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "full_job.h"

namespace bigmac::test {
namespace {

/// What reading Llama-3.1-8B (32 heads; 32 layers, an embedding and a head) on `gpus` H100 says, or "".
std::string refusal(int gpus, const std::string& members, const std::string& batch = R"({"global": 16})") {
  try {
    full_job("llama-3.1-8b", "h100-80g", gpus,
             R"(, "data": {"sequence_length": 4096}, "batch": )" + batch + R"(, "parallel": )" + members);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

void expect_refused(const std::string& said, const std::string& where, const std::string& expected) {
  EXPECT_NE(said.find(where + ": expected " + expected), std::string::npos) << said;
}

TEST(FixedDegrees, that_a_plan_can_have_are_taken) {
  EXPECT_EQ(refusal(16, R"({"tp": 4, "pp": 2, "dp": 2})"), "");
  EXPECT_EQ(refusal(34, R"({"pp": 34})"), "");
  EXPECT_EQ(refusal(16, "{}"), "");
}

TEST(FixedDegrees, stages_do_not_exceed_the_layers) {
  expect_refused(refusal(64, R"({"pp": 64})"), "/parallel/pp", "at most 34, the layers of llm");
  expect_refused(refusal(16, R"({"pp": 4, "vpp": 9})"), "/parallel/vpp", "pp x vpp to be at most 34");
}

TEST(FixedDegrees, degrees_divide_the_gpus) {
  expect_refused(refusal(16, R"({"pp": 3})"), "/parallel/pp", "pp to divide the 16 GPUs, found 3");
  expect_refused(refusal(16, R"({"tp": 8, "dp": 4})"), "/parallel/dp", "tp x dp to divide the 16 GPUs, found 32");
  expect_refused(refusal(16, R"({"tp": 2, "cp": 1, "pp": 2, "dp": 2})"), "/parallel", "tp x cp x pp x dp to be the 16");
}

TEST(FixedDegrees, tensor_parallelism_stays_in_a_node_and_between_heads) {
  expect_refused(refusal(16, R"({"tp": 16})"), "/parallel/tp", "at most 8, the GPUs of a node");
  expect_refused(refusal(48, R"({"tp": 6})"), "/parallel/tp", "a divisor of the 32 attention heads");
}

TEST(FixedDegrees, the_microbatch_divides_the_batch) {
  expect_refused(refusal(16, "{}", R"({"global": 16, "micro": 3})"), "/batch/micro",
                 "a divisor of the global batch 16");
}

}  // namespace
}  // namespace bigmac::test
