#include "seeds.h"

#include <optional>
#include <vector>

#include <fmt/format.h>

#include "bigmac/base/error.h"
#include "bigmac/planner/evaluate.h"
#include "bigmac/planner/search.h"

namespace accuracy {
namespace {

using namespace bigmac;

struct Printed {
  const char* job;
  double naive = 0, balanced = 0, optimus = 0;  // seconds a step; 0: not printed
};
// Strong scaling is printed in seconds; of weak scaling only "up to 1.22x over Megatron-LM, 1.18x over balanced".
constexpr Printed kOptimus[] = {{"optimus-strong-1536", 10.65, 10.43, 9.80},
                                {"optimus-strong-2048", 8.26, 8.06, 7.29},
                                {"optimus-strong-3072", 5.91, 5.87, 4.87},
                                {"optimus-a"},
                                {"optimus-b"},
                                {"optimus-c"},
                                {"optimus-d"}};

/// Megatron-LM balanced: one list of encoder and LLM layers, cut evenly over all virtual stages. Here both see the same
/// tokens, so the encoder's layers may stand in the LLM's list.
Job one_list(Job job) {
  const Module& encoder = job.model->encoders.at(0);
  if (encoder.merge != 1) bad_input(job.name, "encoder and LLM must see the same tokens to stand in one list");
  std::vector<Layer>& layers = job.model->llm.layers;
  layers.insert(layers.begin(), encoder.layers.begin(), encoder.layers.end());
  job.model->encoders.clear();
  return job;
}

ParallelPlan fixed_plan(const Job& job) {
  ParallelPlan plan;
  plan.tp = job.parallel.tp.value_or(1), plan.pp = job.parallel.pp.value_or(1), plan.vpp = job.parallel.vpp.value_or(1);
  plan.dp = job.parallel.dp.value_or(1), plan.ep = job.parallel.ep.value_or(1);
  plan.micro_batch = job.batch.micro.value_or(1);
  plan.encoder_tp = plan.tp;
  plan.recompute = Recompute::full;
  return plan;
}

std::optional<Evaluation> run(const Job& job, const ParallelPlan& plan, const std::string& schedule) {
  const ProfileCache cache(job, {plan}, 1);
  return evaluate(job, plan, cache.costs(plan), {schedule, "", {}});
}

double seconds(const std::optional<Evaluation>& found) {
  return found ? 1e-9 * static_cast<double>(found->step.value) : 0;
}

std::string both(double printed, double predicted) {
  return printed > 0 ? fmt::format("{:.2f}, {:.2f}", printed, predicted) : fmt::format("-, {:.2f}", predicted);
}

std::string ratio(double printed, double predicted) {
  return printed > 0 ? fmt::format("{:.2f}x, {:.2f}x", printed, predicted) : fmt::format("-, {:.2f}x", predicted);
}

/// "12.3 s, 45 GB", or that it does not fit.
std::string cell(const Job& job, const std::optional<Evaluation>& found) {
  if (!found) return "refused";
  const double gb = 1e-9 * static_cast<double>(found->memory.value);
  if (found->memory > default_memory_limit(job)) return fmt::format("out of memory ({:.0f} GB)", gb);
  return fmt::format("{:.2f} s, {:.0f} GB", seconds(found), gb);
}

std::string bigmac_rows(const std::string& jobs, const char* name, std::int64_t images) {
  std::string out;
  for (const std::int64_t batch : {256, 512, 1024, 2048, 4096}) {
    Job job = load_job(jobs + "/" + name + ".json");
    job.batch = {batch, 1};
    job.data.images.images_per_sample = images;
    ParallelPlan plan;
    plan.pp = 8, plan.vpp = 4, plan.dp = 16, plan.ep = 4, plan.recompute = Recompute::full;
    plan.shard_sides = !job.model->generators.empty();
    const auto nested = run(job, plan, "bigmac"), ideal = run(job, plan, "upfront"), naive = run(job, plan, "naive");
    out += fmt::format("| {} | {} | {} | {} | {} | {} | {:.2f}x |\n", name, images, batch, cell(job, nested),
                       cell(job, ideal), cell(job, naive), seconds(naive) / seconds(nested));
  }
  return out;
}

}  // namespace

std::string optimus_table(const std::string& jobs) {
  std::string out =
      "| job: printed, predicted | Megatron-LM s | balanced s | Optimus s | Optimus over balanced "
      "|\n|---|---|---|---|---|\n";
  for (const Printed& printed : kOptimus) {
    const Job job = load_job(jobs + "/" + printed.job + ".json");
    const ParallelPlan plan = fixed_plan(job);
    ParallelPlan listed = plan;
    listed.encoder_tp = 1;
    const double naive = seconds(run(job, plan, "naive")), optimus = seconds(run(job, plan, "optimus"));
    const double balanced = seconds(run(one_list(job), listed, "interleaved"));
    out += fmt::format("| {} | {} | {} | {} | {} |\n", printed.job, both(printed.naive, naive),
                       both(printed.balanced, balanced), both(printed.optimus, optimus),
                       ratio(printed.optimus > 0 ? printed.balanced / printed.optimus : 0, balanced / optimus));
  }
  return out;
}

std::string bigmac_table(const std::string& jobs) {
  std::string out =
      "| workload | images of 1024 tokens a sample | global batch | bigmac | upfront | naive | naive over bigmac |\n"
      "|---|---|---|---|---|---|---|\n";
  for (const char* name : {"bigmac-a", "bigmac-b"})
    for (const std::int64_t images : {1, 2, 4}) out += bigmac_rows(jobs, name, images);
  return out;
}

}  // namespace accuracy
