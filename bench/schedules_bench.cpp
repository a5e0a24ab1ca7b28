// Speed of building whole schedules: P = 8, encoder work a third of the LLM's, items_per_second is operations per
// second. Builders must not slow down as microbatches grow; those that search try less on larger jobs.
#include <malloc.h>

#include <benchmark/benchmark.h>

#include "bigmac/schedule/registry.h"

namespace bigmac {
namespace {

constexpr std::int64_t kForward = 1000;

CostTable bench_costs(const Pipeline& pipeline) {
  CostTable costs = make_cost_table(pipeline, {false});
  for (std::size_t module = 0; module < pipeline.modules.size(); ++module)
    for (std::uint32_t stage = 0; stage < pipeline.modules.items[module].stages; ++stage)
      for (const OpKind kind : {OpKind::forward, OpKind::backward}) {
        const std::uint32_t slot = costs.slot(ModuleId{static_cast<std::uint8_t>(module)}, kind,
                                              StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{0});
        const std::int64_t pass = kind == OpKind::forward ? kForward : 2 * kForward;
        costs.duration[slot] = Nanoseconds{module == kLlm.value ? pass : pass * pipeline.chunks / 3};
        costs.transfer[slot] = Nanoseconds{kForward / 20};
        costs.activation[slot] = Bytes{100};
      }
  return costs;
}

void build(benchmark::State& state, const std::string& name) {
  const Pipeline pipeline = make_pipeline(8, 2, state.range(0), {"encoder"}, {}, "bench");
  const CostTable costs = bench_costs(pipeline);
  std::int64_t operations = 0;
  for (auto _ : state) {
    const Schedule schedule = build_schedule(name, {pipeline, costs, "", {}});
    benchmark::DoNotOptimize(schedule.ops.data());
    operations = static_cast<std::int64_t>(schedule.ops.size());
  }
  state.SetItemsProcessed(state.iterations() * operations);
}

}  // namespace
}  // namespace bigmac

int main(int argc, char** argv) {
  // Memory stays with the process: what is timed is the builder, not the kernel zeroing new pages.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  for (const bigmac::ScheduleInfo& info : bigmac::all_schedules()) {
    if (info.is_base) continue;
    benchmark::RegisterBenchmark(info.name.c_str(),
                                 [&info](benchmark::State& state) { bigmac::build(state, info.name); })
        ->Arg(256)
        ->Arg(4096)
        ->Arg(65'536)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
