// Speed of complete plan evaluations on one core: costs put together, schedule built, memory accounted, timed.
//
// BigMac's workload A under P = 8, V = 2, M = 64 (2,176 operations); items_per_second is plans per second. A formula
// search (calculon) was measured at 121 configurations a second on such a core.
#include <benchmark/benchmark.h>

#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/space.h"

namespace bigmac {
namespace {

struct Setting {
  Job job = load_job(BIGMAC_SOURCE_DIR "/configs/jobs/bigmac-a.json");
  ParallelPlan plan;
  ProfileCache cache;

  Setting() : plan(make_plan()), cache(job, {plan}, 1) {}
  static ParallelPlan make_plan() {
    ParallelPlan plan;
    plan.pp = 8, plan.vpp = 2, plan.dp = 16, plan.recompute = Recompute::full;
    return plan;
  }
};

void evaluate_plan(benchmark::State& state, const char* schedule) {
  const Setting setting;
  for (auto _ : state) {
    const PlanCosts costs = setting.cache.costs(setting.plan);
    benchmark::DoNotOptimize(evaluate(setting.job, setting.plan, costs, {schedule, "", {}}));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(evaluate_plan, upfront, "upfront")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(evaluate_plan, bigmac, "bigmac")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(evaluate_plan, naive, "naive")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(evaluate_plan, optimus, "optimus")->Unit(benchmark::kMicrosecond);

void bound_plan(benchmark::State& state) {
  const Setting setting;
  for (auto _ : state) {
    const PlanCosts costs = setting.cache.costs(setting.plan);
    benchmark::DoNotOptimize(quick_bound(setting.job, setting.plan, costs, SidePlacement::every_rank));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bound_plan)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace bigmac

BENCHMARK_MAIN();
