// Speed of complete plan evaluations on one core: costs put together, schedule built, memory accounted, timed.
//
// BigMac's workload A under P = 8, V = 2, M = 64 (2,176 operations); items_per_second is plans per second. A formula
// search (calculon) was measured at 121 configurations a second on such a core.
#include <benchmark/benchmark.h>

#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/space.h"
#include "bigmac/planner/spread.h"

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

void evaluate_plan(benchmark::State& state, const char* schedule,
                   const std::map<std::string, std::int64_t>& parameters = {}) {
  const Setting setting;
  for (auto _ : state) {
    const PlanCosts costs = setting.cache.costs(setting.plan);
    benchmark::DoNotOptimize(evaluate(setting.job, setting.plan, costs, {schedule, "", parameters}));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(evaluate_plan, upfront, "upfront")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(evaluate_plan, bigmac, "bigmac")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(evaluate_plan, naive, "naive")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(evaluate_plan, optimus, "optimus")->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(evaluate_plan, hybrid, "hybrid", {{"search_fills", 0}})->Unit(benchmark::kMicrosecond);

void bound_plan(benchmark::State& state) {
  const Setting setting;
  for (auto _ : state) {
    const PlanCosts costs = setting.cache.costs(setting.plan);
    benchmark::DoNotOptimize(quick_bounds(setting.job, setting.plan, costs, SidePlacement::every_rank));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(bound_plan)->Unit(benchmark::kMicrosecond);

// 10,000 batches of the same plan, each with its own draw for each of 16 data-parallel replicas: 160,000 pipelines;
// as the job states its images (4 a sample, all alike) and with images of mixed sizes. items_per_second is batches.
void spread_over_batches(benchmark::State& state, bool mixed) {
  Setting setting;
  if (mixed) {
    setting.job.data.images.images_per_sample = UniformDistribution{1, 7, 1};
    setting.job.data.images.image_tokens = LognormalDistribution{1024, 0.6, 2};
  }
  const ProfileCache cache(setting.job, {setting.plan}, 1);
  Evaluation chosen;
  chosen.plan = setting.plan, chosen.schedule = "bigmac";
  const DetailedPlan plan = work_out(setting.job, cache.costs(setting.plan), chosen);
  SpreadOptions options;
  for (auto _ : state) benchmark::DoNotOptimize(step_spread(setting.job, cache, plan, options).quantile(0.99));
  state.SetItemsProcessed(state.iterations() * options.batches);
}
BENCHMARK_CAPTURE(spread_over_batches, as_stated, false)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(spread_over_batches, mixed_images, true)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace bigmac

BENCHMARK_MAIN();
