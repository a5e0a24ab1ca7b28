// Speed of building each base pipeline: P = 8, items_per_second is operations per second. Builders must not slow down
// as microbatches grow; those that follow the real costs also try their policies on a prefix first.
#include <malloc.h>

#include <benchmark/benchmark.h>

#include "bigmac/schedule/llm_base.h"

namespace bigmac {
namespace {

CostTable bench_costs(const Pipeline& pipeline) {
  CostTable costs = make_cost_table(pipeline, {false});
  for (std::size_t i = 0; i < costs.size(); ++i) {
    costs.duration[i] = Nanoseconds{1000 + static_cast<std::int64_t>(i % 7)};
    costs.transfer[i] = Nanoseconds{50};
    costs.activation[i] = Bytes{100};
  }
  return costs;
}

// Two chunks where one is refused.
Pipeline bench_pipeline(const LlmBase& base, std::int64_t microbatches) {
  Pipeline pipeline = make_pipeline(8, 1, microbatches, {}, {}, "bench");
  if (base.name == "interleaved" || !base.refuses(pipeline).empty())
    pipeline = make_pipeline(8, 2, microbatches, {}, {}, "bench");
  return pipeline;
}

void build_base(benchmark::State& state, const LlmBase& base) {
  const Pipeline pipeline = bench_pipeline(base, state.range(0));
  const CostTable costs = bench_costs(pipeline);
  std::int64_t operations = 0;
  for (auto _ : state) {
    const RankOrders orders = llm_orders(base, {pipeline, costs, 0});
    benchmark::DoNotOptimize(orders.data());
    operations = 0;
    for (const auto& order : orders) operations += static_cast<std::int64_t>(order.size());
  }
  state.SetItemsProcessed(state.iterations() * operations);
}

}  // namespace
}  // namespace bigmac

int main(int argc, char** argv) {
  // Memory stays with the process: what is timed is the builder, not the kernel zeroing new pages.
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  for (const bigmac::LlmBase& base : bigmac::all_llm_bases())
    benchmark::RegisterBenchmark(base.name.c_str(),
                                 [&base](benchmark::State& state) { bigmac::build_base(state, base); })
        ->Arg(256)
        ->Arg(4096)
        ->Arg(65'536)
        ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
