// The schedules that report.html can show: those of the ranking and the front, worked out again.
#include <fmt/format.h>

#include "bigmac/planner/outputs.h"
#include "parallel_for.h"

namespace bigmac {
namespace {

constexpr std::size_t kMostOperations = 400'000;  // in all drawings; about 4 bytes each in the file

bool same_choice(const Evaluation& a, const Evaluation& b) {
  return a.schedule == b.schedule && a.base == b.base && a.parameters == b.parameters && a.label() == b.label();
}

/// Plans in the order in which they are drawn, each with its rows in the report.
struct Shown {
  const Evaluation* plan;
  std::vector<PlanRow*> rows;
};

std::vector<Shown> shown_plans(const SearchResult& result, HtmlReport& report) {
  std::vector<Shown> out;
  const auto add = [&](const std::vector<Evaluation>& plans, std::vector<PlanRow>& rows) {
    for (std::size_t i = 0; i < plans.size(); ++i) {
      Shown* known = nullptr;
      for (Shown& each : out)
        if (same_choice(*each.plan, plans[i])) known = &each;
      if (known == nullptr) known = &out.emplace_back(Shown{&plans[i], {}});
      known->rows.push_back(&rows[i]);
    }
  };
  add(result.best, report.best);
  add(result.front, report.front);
  return out;
}

/// A plan worked out and drawn.
struct Drawn {
  std::size_t operations = 0;
  std::string bound_by, drawing;
};

Drawn draw(const Job& job, const ProfileCache& cache, const Evaluation& plan) {
  const DetailedPlan detailed = work_out(job, cache.costs(plan.plan), plan);
  return {detailed.file.schedule.ops.size(), detailed.evaluation.bound_by,
          drawing_json(detailed.file, detailed.outcome)};
}

}  // namespace

void add_drawings(const Job& job, const SearchResult& result, const ProfileCache& cache, int threads,
                  HtmlReport& report) {
  std::size_t operations = 0, left_out = 0;
  const std::vector<Shown> shown = shown_plans(result, report);
  std::vector<Drawn> drawn(shown.size());
  parallel_for(shown.size(), threads, [&](std::size_t i) { drawn[i] = draw(job, cache, *shown[i].plan); });
  for (std::size_t i = 0; i < shown.size(); ++i) {
    // The chosen plan is always drawn.
    if (!report.drawings.empty() && operations + drawn[i].operations > kMostOperations) {
      ++left_out;
      continue;
    }
    operations += drawn[i].operations;
    for (PlanRow* row : shown[i].rows) row->drawing = report.drawings.size(), row->bound_by = drawn[i].bound_by;
    report.drawings.push_back(std::move(drawn[i].drawing));
  }
  if (left_out > 0)
    report.left_out = fmt::format(
        "The schedules of {} of {} plans are left out: together they hold more than {} operations. "
        "bigmac-plan JOB --schedule NAME, with the plan's degrees under \"parallel\" in the job, gives each of them.",
        left_out, shown.size(), kMostOperations);
}

}  // namespace bigmac
