// BigMac's claims (2605.25451): 1.08x to 1.9x over both kinds of baseline, flat memory, the compute-efficient one out
// of memory above a batch size, the memory-efficient one paced by its slowest stage.
//
// Every method runs on the same degrees and is tuned by one rule: of its variants (recompute none, selective or full;
// encoder and generator weights whole or sharded over a node; chunks a rank where it may choose) the fastest that fits
// the GPU's memory. The compute-efficient kind is `upfront`: all encoder activations kept. The memory-efficient kind is
// the best of what one finds in its place: encoder whole in the first stage and generator in the last, the LLM's layers
// cut so as to make up for it, or ranks of their own (DistTrain), every split. Beside them, compared with by neither
// paper: all layers of all modules as one list, cut by their measured times.
#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>

#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/search.h"
#include "linear_list.h"
#include "seeds.h"

namespace accuracy {
namespace {

using namespace bigmac;

/// Of one method: the fastest variant that fits, else the one that needs least memory.
class Best {
 public:
  explicit Best(Bytes limit) : limit_(limit) {}

  void offer(const std::optional<Evaluation>& found, const char* what) {
    if (!found || (found_ && !better(*found))) return;
    found_ = found, what_ = what;
  }
  bool fits() const { return found_ && found_->memory <= limit_; }
  double seconds() const { return found_ ? 1e-9 * static_cast<double>(found_->step.value) : 0; }
  /// "12.3 s, 45 GB, balanced", or that it does not fit.
  std::string cell() const {
    if (!found_) return "refused";
    const double gb = 1e-9 * static_cast<double>(found_->memory.value);
    if (!fits()) return fmt::format("out of memory ({:.0f} GB)", gb);
    return fmt::format("{:.2f} s, {:.0f} GB, {}{}{}", seconds(), gb, what_, *what_ ? " " : "",
                       name(found_->plan.recompute));
  }

 private:
  bool better(const Evaluation& other) const {
    const bool fit = other.memory <= limit_;
    if (fit != fits()) return fit;
    return fit ? other.step < found_->step : other.memory < found_->memory;
  }

  Bytes limit_;
  std::optional<Evaluation> found_;
  const char* what_ = "";
};

struct Methods {
  Best bigmac, compute, memory, list;
};

ParallelPlan degrees(Recompute recompute, bool sharded, int chunks) {
  ParallelPlan plan;
  plan.pp = 8, plan.vpp = chunks, plan.dp = 16, plan.ep = 4;
  plan.recompute = recompute, plan.shard_sides = sharded;
  return plan;
}

/// Every split of the ranks, so that one that fits is found where the shortest does not.
void offer_own_ranks(const Job& job, const ParallelPlan& plan, const PlanCosts& costs, Best& best) {
  const int most = plan.pp - 1;
  const bool generates = !job.model->generators.empty();
  for (int encoders = 1; encoders <= most; ++encoders)
    for (int generators = generates ? 1 : 0; generators <= (generates ? most - encoders : 0); ++generators)
      best.offer(evaluate(job, plan, costs,
                          {"disaggregated", "", {{"encoder_ranks", encoders}, {"generator_ranks", generators}}}),
                 "own ranks");
}

void offer(const Job& job, const ParallelPlan& plan, Methods& methods) {
  const ProfileCache cache(job, {plan}, 1);
  const PlanCosts costs = cache.costs(plan);
  const auto run = [&](const char* schedule) { return evaluate(job, plan, costs, {schedule, "", {}}); };
  if (plan.vpp > 1) methods.bigmac.offer(run("bigmac"), "");
  if (plan.vpp > 1) methods.compute.offer(run("upfront"), "");
  if (!plan.shard_sides) methods.list.offer(run_one_list(job, plan, ListWeights::time), "");
  if (plan.vpp > 1) return;
  methods.memory.offer(run("naive"), "first stage");
  offer_own_ranks(job, plan, costs, methods.memory);
  if (!plan.shard_sides)
    methods.memory.offer(run_one_list(job, plan, ListWeights::time, SideLayers::whole), "first stage");
}

std::string row(const std::string& jobs, const char* name, std::int64_t images, std::int64_t batch) {
  Job job = load_job(jobs + "/" + name + ".json");
  job.batch = {batch, 1};
  job.data.images.images_per_sample = images;
  const Bytes limit = default_memory_limit(job);
  Methods methods{Best(limit), Best(limit), Best(limit), Best(limit)};
  for (const Recompute recompute : {Recompute::none, Recompute::selective, Recompute::full})
    for (const bool sharded : {false, true})
      for (const int chunks : {1, 2, 3, 4, 6}) offer(job, degrees(recompute, sharded, chunks), methods);
  const auto over = [&](const Best& baseline) {
    return baseline.fits() && methods.bigmac.fits()
               ? fmt::format("{:.2f}x", baseline.seconds() / methods.bigmac.seconds())
               : "-";
  };
  return fmt::format("| {} | {} | {} | {} | {} | {} | {} | {} | {} |\n", name, images, batch / 128,
                     methods.bigmac.cell(), methods.compute.cell(), methods.memory.cell(), methods.list.cell(),
                     over(methods.compute), over(methods.memory));
}

}  // namespace

std::string bigmac_table(const std::string& jobs) {
  std::string out =
      "| workload | images of 1024 tokens a sample | batch a GPU | bigmac | compute-efficient | memory-efficient | one "
      "list | compute-efficient over bigmac | memory-efficient over bigmac |\n|---|---|---|---|---|---|---|---|---|\n";
  for (const char* name : {"bigmac-a", "bigmac-b"})
    for (const std::int64_t images : {1, 2, 4, 8})
      for (const std::int64_t batch : {256, 512, 1024, 2048, 4096}) out += row(jobs, name, images, batch);
  return out;
}

}  // namespace accuracy
