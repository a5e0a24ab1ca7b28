// Whose work a kernel is: a recording of a few lines and the answer.
#include "bigmac/profiler/attribution.h"

#include <gtest/gtest.h>

#include "bigmac/base/error.h"
#include "bigmac/profiler/kineto.h"
#include "bigmac/profiler/trace_file.h"
#include "bigmac/workload/measured_costs.h"

namespace bigmac {
namespace {

const std::string kHeader = "{\"schema\": \"bigmac.trace/1\", \"pid\": 1}\n";

Trace read(const std::string& text) { return read_trace(*bytes_of(kHeader + text, "t.jsonl")); }

const std::string kNames =
    "[\"name\", 0, \"layer:llm/transformer/0\"]\n[\"name\", 1, \"layer:llm/transformer/0 backward\"]\n"
    "[\"name\", 2, \"cudaLaunchKernel\"]\n[\"name\", 3, \"gemm\"]\n[\"name\", 4, \"wgrad_gemm\"]\n"
    "[\"name\", 5, \"ncclDevKernel_AllReduce\"]\n[\"name\", 6, \"Optimizer.step#Adam\"]\n[\"name\", 7, "
    "\"elementwise\"]\n"
    "[\"name\", 8, \"layer:llm/head\"]\n";

std::string call(int start, int tid, int correlation) {
  return "[\"call\", " + std::to_string(start) + ", " + std::to_string(start + 5) + ", " + std::to_string(tid) + ", " +
         std::to_string(correlation) + ", 2]\n";
}

std::string kernel(int start, int duration, int correlation, int name) {
  return "[\"kernel\", " + std::to_string(start) + ", " + std::to_string(start + duration) + ", 0, 7, " +
         std::to_string(correlation) + ", " + std::to_string(name) + "]\n";
}

std::string range(const char* kind, int start, int end, int tid, int name) {
  return "[\"" + std::string(kind) + "\", " + std::to_string(start) + ", " + std::to_string(end) + ", " +
         std::to_string(tid) + ", " + std::to_string(name) + "]\n";
}

const Attributed& of_kernel(const Trace& trace, const Attribution& attribution, std::uint64_t correlation) {
  for (std::uint32_t i = 0; i < trace.events.size(); ++i)
    if (on_gpu(trace.events.kind[i]) && trace.events.correlation[i] == correlation) return attribution.operations[i];
  throw std::runtime_error("no such kernel");
}

TEST(Attribution, RangesOfTheLaunchingThreadGiveLayerAndPass) {
  const Trace trace =
      read(kNames + range("range", 100, 200, 9, 0) + call(110, 9, 1) + kernel(150, 30, 1, 3) + call(120, 9, 2) +
           kernel(180, 20, 2, 5) + range("range", 300, 400, 9, 1) + call(310, 9, 3) + kernel(350, 40, 3, 3) +
           call(320, 9, 4) + kernel(390, 50, 4, 4) + range("range", 500, 600, 9, 6) + call(510, 9, 5) +
           kernel(550, 7, 5, 7) + call(700, 9, 6) + kernel(750, 3, 6, 7));
  const Attribution found = attribute(trace, default_layer_rules());
  EXPECT_EQ(of_kernel(trace, found, 1).pass, Pass::forward);
  EXPECT_EQ(of_kernel(trace, found, 1).trust, Trust::thread_range);
  EXPECT_EQ(of_kernel(trace, found, 2).pass, Pass::communication);
  EXPECT_EQ(of_kernel(trace, found, 2).within, Pass::forward);
  EXPECT_EQ(of_kernel(trace, found, 3).pass, Pass::input_gradient);
  EXPECT_EQ(of_kernel(trace, found, 4).pass, Pass::weight_gradient);
  EXPECT_EQ(of_kernel(trace, found, 5).pass, Pass::optimizer);
  EXPECT_EQ(of_kernel(trace, found, 6).pass, Pass::none);
  EXPECT_EQ(of_kernel(trace, found, 6).trust, Trust::none);
  EXPECT_EQ(found.total, Nanoseconds{150});
  // 7 of the optimizer and 3 of nothing have no layer.
  EXPECT_EQ(found.by_trust[static_cast<std::size_t>(Trust::none)], Nanoseconds{10});
}

TEST(Attribution, AProcessRangeServesThreadsThatShowNothingAndAfterItTheMainThread) {
  const Trace trace = read(kNames + range("process_range", 100, 200, 9, 8) + call(150, 10, 1) + kernel(160, 5, 1, 3) +
                           range("range", 300, 400, 9, 0) + call(350, 10, 2) + kernel(360, 5, 2, 3));
  const Attribution found = attribute(trace, default_layer_rules());
  EXPECT_EQ(of_kernel(trace, found, 1).trust, Trust::process_range);
  EXPECT_EQ(of_kernel(trace, found, 2).trust, Trust::main_thread);
}

// What profiler/python/bigmac_memory.py's layer_ranges leaves: ranges of the process, launches of any thread, no
// operators.
TEST(Attribution, ProcessRangesSayForwardBackwardAndRecomputation) {
  const std::string names =
      "[\"name\", 0, \"layer:llm/transformer model.layers.3\"]\n[\"name\", 1, \"layer:llm/transformer model.layers.3 "
      "backward\"]\n"
      "[\"name\", 2, \"cudaLaunchKernel\"]\n[\"name\", 3, \"gemm\"]\n[\"name\", 4, \"layer:llm/transformer "
      "model.layers.3 recompute\"]\n";
  const Trace trace = read(names + range("process_range", 100, 200, 9, 0) + call(110, 9, 1) + kernel(150, 30, 1, 3) +
                           range("process_range", 300, 500, 10, 1) + call(310, 10, 2) + kernel(350, 40, 2, 3) +
                           range("process_range", 320, 400, 10, 4) + call(330, 10, 3) + kernel(400, 50, 3, 3) +
                           call(450, 10, 4) + kernel(460, 5, 4, 3) + call(600, 9, 5) + kernel(610, 6, 5, 3));
  const Attribution found = attribute(trace, default_layer_rules());
  EXPECT_EQ(of_kernel(trace, found, 1).pass, Pass::forward);
  EXPECT_EQ(of_kernel(trace, found, 2).pass, Pass::input_gradient);
  EXPECT_EQ(of_kernel(trace, found, 3).pass, Pass::recompute);
  EXPECT_EQ(of_kernel(trace, found, 4).pass, Pass::input_gradient);
  EXPECT_EQ(of_kernel(trace, found, 5).pass, Pass::none);
  const auto rows = layer_table(trace, found);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].instances, 1U);
}

// One layer: two products forward on the main thread, their autograd nodes on another thread, and one forward again
// inside a backward. ts and dur in microseconds.
const char* const kAutograd = R"([
 {"ph":"X","cat":"user_annotation","name":"layer:llm/transformer/3","pid":1,"tid":1,"ts":0,"dur":100},
 {"ph":"X","cat":"cpu_op","name":"aten::linear","pid":1,"tid":1,"ts":10,"dur":20,"args":{"Sequence number":7,"Fwd thread id":0}},
 {"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":1,"ts":12,"dur":2,"args":{"correlation":1}},
 {"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":20,"dur":10,"args":{"correlation":1,"device":0,"stream":7}},
 {"ph":"X","cat":"cpu_op","name":"AddmmBackward0","pid":1,"tid":2,"ts":200,"dur":90,"args":{"Sequence number":7,"Fwd thread id":1}},
 {"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":2,"ts":210,"dur":10,"args":{}},
 {"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":2,"ts":211,"dur":2,"args":{"correlation":2}},
 {"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":220,"dur":11,"args":{"correlation":2,"device":0,"stream":7}},
 {"ph":"X","cat":"cpu_op","name":"aten::mm","pid":1,"tid":2,"ts":230,"dur":10,"args":{}},
 {"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":2,"ts":231,"dur":2,"args":{"correlation":3}},
 {"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":240,"dur":12,"args":{"correlation":3,"device":0,"stream":7}},
 {"ph":"X","cat":"cpu_op","name":"aten::linear","pid":1,"tid":2,"ts":250,"dur":20,"args":{"Sequence number":9,"Fwd thread id":0}},
 {"ph":"X","cat":"cuda_runtime","name":"cudaLaunchKernel","pid":1,"tid":2,"ts":251,"dur":2,"args":{"correlation":4}},
 {"ph":"X","cat":"kernel","name":"gemm","pid":0,"tid":7,"ts":260,"dur":13,"args":{"correlation":4,"device":0,"stream":7}}
])";

TEST(Attribution, BackwardOperatorsBelongToTheirForwardsLayer) {
  const Trace trace = read_kineto(*bytes_of(kAutograd, "k.json"));
  const Attribution found = attribute(trace, default_layer_rules());
  EXPECT_EQ(of_kernel(trace, found, 1).pass, Pass::forward);
  EXPECT_EQ(of_kernel(trace, found, 2).pass, Pass::input_gradient);
  EXPECT_EQ(of_kernel(trace, found, 2).trust, Trust::backward_operator);
  EXPECT_EQ(of_kernel(trace, found, 3).pass, Pass::weight_gradient);
  EXPECT_EQ(of_kernel(trace, found, 4).pass, Pass::recompute);
}

TEST(Attribution, TheCostTableHoldsMeansThatThePlannerReads) {
  const Trace trace = read_kineto(*bytes_of(kAutograd, "k.json"));
  const Attribution found = attribute(trace, default_layer_rules());
  const std::string text = cost_table_text(layer_table(trace, found), found, {"a test", 4096, 2});
  const MeasuredCosts costs = parse_measured_costs(text, "costs.json");
  ASSERT_EQ(costs.entries.size(), 1U);
  EXPECT_EQ(costs.entries[0].module, "llm");
  EXPECT_EQ(costs.entries[0].tp, 2);
  EXPECT_EQ(costs.entries[0].tokens, 4096);
  EXPECT_EQ(costs.entries[0].forward_us, 10);
  EXPECT_EQ(costs.entries[0].input_gradient_us, 11);
  EXPECT_EQ(costs.entries[0].weight_gradient_us, 12);
  EXPECT_FALSE(costs.entries[0].activation_bytes.has_value());
}

// Two forward passes save 100 and 300 bytes and need 50 and 10 more meanwhile: means of 200 and 30.
TEST(Attribution, MemoryByLayerOfAnotherRunGoesIntoTheCostTable) {
  const Trace trace = read_kineto(*bytes_of(kAutograd, "k.json"));
  const Attribution found = attribute(trace, default_layer_rules());
  std::vector<LayerRow> rows = layer_table(trace, found);
  const std::string header = "{\"schema\": \"bigmac.memory/1\", \"pid\": 1, \"device\": \"a GPU\"}\n";
  add_layer_memory(header +
                       "{\"step\": 0, \"layer\": \"model.layers.0\", \"phase\": \"forward\", \"before\": 1000, "
                       "\"after\": 1100, \"peak\": 1150}\n"
                       "{\"step\": 0, \"layer\": \"model.layers.1\", \"phase\": \"forward\", \"before\": 1100, "
                       "\"after\": 1400, \"peak\": 1410}\n"
                       "{\"step\": 0, \"layer\": \"model.layers.1\", \"phase\": \"backward\", \"before\": 9, "
                       "\"after\": 9, \"peak\": 9}\n"
                       "{\"step\": 0, \"layer\": \"something.else\", \"phase\": \"forward\", \"before\": 9, \"after\": "
                       "9, \"peak\": 9}\n",
                   "m.jsonl", found.rules, rows);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].memory_instances, 2U);
  EXPECT_EQ(rows[0].saved, Bytes{200});
  EXPECT_EQ(rows[0].transient, Bytes{30});
  const MeasuredCosts costs = parse_measured_costs(cost_table_text(rows, found, {"a test", 4096, 1}), "costs.json");
  EXPECT_EQ(costs.entries.at(0).activation_bytes, 200);
  EXPECT_THROW(add_layer_memory("", "m.jsonl", found.rules, rows), Error);
  EXPECT_THROW(add_layer_memory("{\"schema\": \"other\"}\n", "m.jsonl", found.rules, rows), Error);
  EXPECT_THROW(add_layer_memory(header + "{\"layer\": \"model.layers.0\", \"phase\": \"forward\", \"before\": -1}\n",
                                "m.jsonl", found.rules, rows),
               Error);
}

TEST(Attribution, LayerRulesSayWhatIsWrongWithThem) {
  EXPECT_EQ(parse_layer_rule("block=a=llm/head").pattern, "block=a");
  for (const char* bad : {"x", "x=llm", "x=llm/tail", "=llm/head", "x=/head", "(=llm/head"})
    EXPECT_THROW(parse_layer_rule(bad), Error) << bad;
}

}  // namespace
}  // namespace bigmac
