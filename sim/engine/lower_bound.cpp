#include "bigmac/engine/lower_bound.h"

#include <algorithm>
#include <numeric>
#include <queue>

#include "bigmac/schedule/dependencies.h"

namespace bigmac {
namespace {

/// One pass as a job of its rank's machine. Parts of one operation stay separate jobs.
struct Job {
  std::int64_t head = 0, duration = 0, tail = 0;
};

class Chains {
 public:
  Chains(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs, const TaskGraph& graph)
      : pipeline_(pipeline),
        schedule_(schedule),
        graph_(graph),
        slots_(slot_costs(graph, costs)),
        jobs_(schedule.ops.size()),
        rank_of_(schedule.ops.size()),
        order_(schedule.ops.size()) {
    for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
      std::fill(rank_of_.begin() + schedule.first[rank], rank_of_.begin() + schedule.first[rank + 1], rank);
    std::iota(order_.begin(), order_.end(), 0u);
    std::sort(order_.begin(), order_.end(), [&](auto a, auto b) { return graph.task_of[a] < graph.task_of[b]; });
    index_products();
  }

  std::vector<Job> run() {
    for (std::size_t op = 0; op < jobs_.size(); ++op) jobs_[op].duration = slots_.slots[slot(op)].duration.value;
    for (const std::uint32_t op : order_)
      visit(op, [&](std::uint32_t maker, std::int64_t lag) {
        jobs_[op].head = std::max(jobs_[op].head, jobs_[maker].head + jobs_[maker].duration + lag);
      });
    for (auto it = order_.rbegin(); it != order_.rend(); ++it)
      visit(*it, [&](std::uint32_t maker, std::int64_t lag) {
        jobs_[maker].tail = std::max(jobs_[maker].tail, lag + jobs_[*it].duration + jobs_[*it].tail);
      });
    return std::move(jobs_);
  }

 private:
  std::uint32_t slot(std::size_t op) const { return graph_.tasks[graph_.task_of[op]].slot; }

  std::size_t index(const ProductKey& key) const {
    return (first_[key.module.value] + key.stage.value) * pipeline_.microbatches + key.microbatch.value;
  }

  void index_products() {
    std::size_t next = 0;
    for (const ModuleShape& module : pipeline_.modules) {
      first_.push_back(next);
      next += module.stages;
    }
    for (auto& makers : makers_) makers.assign(next * pipeline_.microbatches, 0);
    for (std::uint32_t i = 0; i < schedule_.ops.size(); ++i) {
      const Op& op = schedule_.ops[i];
      if (!makes_product(op.kind) || op.part + 1 != op.parts) continue;
      const Product product = product_of(op.kind);
      makers_[static_cast<std::size_t>(product)][index({product, op.module, op.stage, op.microbatch})] = i;
    }
  }

  // visit(maker, transfer if it is on another rank) for each input; a later part follows the one before.
  template <class Visit>
  void visit(std::uint32_t i, Visit&& visit) const {
    const Op& op = schedule_.ops[i];
    if (op.part > 0) {
      std::uint32_t before = i - 1;
      while (!same_operation(schedule_.ops[before], op)) --before;
      return visit(before, 0);
    }
    for_each_input(pipeline_, op, [&](const ProductKey& key) {
      const std::uint32_t maker = makers_[static_cast<std::size_t>(key.product)][index(key)];
      visit(maker, rank_of_[maker] == rank_of_[i] ? 0 : slots_.slots[slot(maker)].transfer.value);
    });
  }

  static bool same_operation(const Op& a, const Op& b) {
    return a.kind == b.kind && a.module == b.module && a.stage == b.stage && a.microbatch == b.microbatch;
  }

  const Pipeline& pipeline_;
  const Schedule& schedule_;
  const TaskGraph& graph_;
  SlotCosts slots_;
  std::vector<Job> jobs_;
  std::vector<std::uint32_t> rank_of_, order_;
  std::vector<std::size_t> first_;
  std::vector<std::uint32_t> makers_[kProducts];
};

/// Makespan of Jackson's preemptive schedule: at every moment the available job with the longest tail.
std::int64_t one_machine_bound(std::vector<Job> jobs) {
  std::sort(jobs.begin(), jobs.end(), [](const Job& a, const Job& b) { return a.head < b.head; });
  const auto shorter_tail = [](const Job& a, const Job& b) { return a.tail < b.tail; };
  std::priority_queue<Job, std::vector<Job>, decltype(shorter_tail)> available(shorter_tail);
  std::int64_t now = 0, bound = 0;
  for (std::size_t next = 0; next < jobs.size() || !available.empty();) {
    if (available.empty()) now = std::max(now, jobs[next].head);
    while (next < jobs.size() && jobs[next].head <= now) available.push(jobs[next++]);
    Job job = available.top();
    available.pop();
    const std::int64_t until = next < jobs.size() ? jobs[next].head : INT64_MAX;
    const std::int64_t run = std::min(job.duration, until - now);
    now += run;
    if (run < job.duration) available.push({job.head, job.duration - run, job.tail});
    else bound = std::max(bound, now + job.tail);
  }
  return bound;
}

}  // namespace

Nanoseconds placement_lower_bound(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs,
                                  const TaskGraph& graph) {
  const std::vector<Job> jobs = Chains(pipeline, schedule, costs, graph).run();
  std::int64_t bound = 0;
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    bound = std::max(bound,
                     one_machine_bound({jobs.begin() + schedule.first[rank], jobs.begin() + schedule.first[rank + 1]}));
  return Nanoseconds{bound};
}

}  // namespace bigmac
