// Speed of the chain build -> lower -> time -> memory, and of re-timing a lowered schedule.
//
// The job is interleaved 1F1B, P = 64, V = 4, M = 1024: 524,288 operations. items_per_second is
// operations per second. `bare_recurrence` is the yardstick: the same recurrence over the same arrays with every
// indirection that the engine needs taken away.
#include <benchmark/benchmark.h>

#include "bigmac/engine/timing.h"
#include "bigmac/memory/activations.h"
#include "bigmac/schedule/registry.h"

namespace bigmac {
namespace {

Pipeline bench_pipeline(std::int64_t microbatches = 1024) {
  return make_pipeline(64, 4, microbatches, {}, {}, "bench");
}

CostTable bench_costs(const Pipeline& pipeline, bool per_microbatch, std::int64_t transfer) {
  CostTable costs = make_cost_table(pipeline, {per_microbatch});
  for (std::size_t i = 0; i < costs.size(); ++i) {
    costs.duration[i] = Nanoseconds{1000 + static_cast<std::int64_t>(i % 7)};
    costs.transfer[i] = Nanoseconds{transfer};
    costs.activation[i] = Bytes{100};
  }
  return costs;
}

void build_lower_time_memory(benchmark::State& state) {
  const Pipeline pipeline = bench_pipeline(state.range(0));
  const CostTable costs = bench_costs(pipeline, false, 10);
  std::size_t operations = 0, bytes = 0;
  for (auto _ : state) {
    const Schedule schedule = build_schedule("interleaved", {pipeline, costs, "", {}});
    const auto lowered = lower(pipeline, schedule, costs);
    const TaskGraph& graph = std::get<TaskGraph>(lowered);
    const SlotCosts slots = slot_costs(graph, costs);
    Timing timing;
    time_tasks(graph, slots, timing);
    auto ranks = account_activations(pipeline, schedule, costs, graph, slots, timing);
    benchmark::DoNotOptimize(ranks.data());
    operations = schedule.ops.size();
    bytes = operations * sizeof(Op) + graph.tasks.size() * (sizeof(Task) + sizeof(TaskTime)) +
            graph.task_of.size() * sizeof(std::uint32_t);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(operations));
  state.counters["bytes_per_op"] = static_cast<double>(bytes) / static_cast<double>(operations);
}
BENCHMARK(build_lower_time_memory)->Arg(256)->Arg(1024)->Arg(4096)->Unit(benchmark::kMillisecond);

void step_build(benchmark::State& state) {
  const Pipeline pipeline = bench_pipeline();
  const CostTable costs = bench_costs(pipeline, false, 10);
  for (auto _ : state) benchmark::DoNotOptimize(build_schedule("interleaved", {pipeline, costs, "", {}}));
  state.SetItemsProcessed(state.iterations() * pipeline.operations());
}
BENCHMARK(step_build)->Unit(benchmark::kMillisecond);

void step_lower(benchmark::State& state) {
  const Pipeline pipeline = bench_pipeline();
  const CostTable costs = bench_costs(pipeline, false, 10);
  const Schedule schedule = build_schedule("interleaved", {pipeline, costs, "", {}});
  for (auto _ : state) benchmark::DoNotOptimize(lower(pipeline, schedule, costs));
  state.SetItemsProcessed(state.iterations() * pipeline.operations());
}
BENCHMARK(step_lower)->Unit(benchmark::kMillisecond);

void step_memory(benchmark::State& state) {
  const Pipeline pipeline = bench_pipeline();
  const CostTable costs = bench_costs(pipeline, false, 10);
  const Schedule schedule = build_schedule("interleaved", {pipeline, costs, "", {}});
  const auto lowered = lower(pipeline, schedule, costs);
  const TaskGraph& graph = std::get<TaskGraph>(lowered);
  const SlotCosts slots = slot_costs(graph, costs);
  Timing timing;
  time_tasks(graph, slots, timing);
  for (auto _ : state) benchmark::DoNotOptimize(account_activations(pipeline, schedule, costs, graph, slots, timing));
  state.SetItemsProcessed(state.iterations() * pipeline.operations());
}
BENCHMARK(step_memory)->Unit(benchmark::kMillisecond);

// Arguments: costs per microbatch (1) or per stage (0); transfer in ns.
void retime(benchmark::State& state) {
  const Pipeline pipeline = bench_pipeline();
  const CostTable costs = bench_costs(pipeline, state.range(0) != 0, state.range(1));
  const Schedule schedule = build_schedule("interleaved", {pipeline, costs, "", {}});
  const auto lowered = lower(pipeline, schedule, costs);
  const TaskGraph& graph = std::get<TaskGraph>(lowered);
  SlotCosts slots = slot_costs(graph, costs);
  Timing timing;
  for (auto _ : state) {
    slots.slots[1].duration.value ^= 1;  // other costs each time
    time_tasks(graph, slots, timing);
    benchmark::DoNotOptimize(timing.iteration);
  }
  state.SetItemsProcessed(state.iterations() * pipeline.operations());
}
BENCHMARK(retime)->Args({0, 0})->Args({0, 10})->Args({1, 10})->Unit(benchmark::kMillisecond);

void bare_recurrence(benchmark::State& state) {
  const std::size_t ranks = 64, count = 524'288;
  std::vector<std::int64_t> end(count + ranks), duration(count + ranks, 1000);
  for (auto _ : state) {
    for (std::size_t i = ranks; i < count + ranks; ++i)
      end[i] = std::max(end[i - ranks], end[i - ranks + 1]) + duration[i];
    benchmark::DoNotOptimize(end.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(count));
}
BENCHMARK(bare_recurrence)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bigmac

BENCHMARK_MAIN();
