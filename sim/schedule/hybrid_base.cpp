#include "hybrid_base.h"

#include <algorithm>
#include <numeric>

#include "bigmac/base/error.h"
#include "bigmac/schedule/dependencies.h"

namespace bigmac::hybrid {
namespace {

class Timer {
 public:
  Timer(const Pipeline& pipeline, const CostTable& costs, const LlmOrder& llm, const std::vector<MicrobatchId>& order)
      : pipeline_(pipeline) {
    clock_.weights_apart = llm.weights_apart;
    clock_.first.push_back(0);
    std::vector<Op> apart;
    const auto keep = [&](const Op& op) { return !llm.weights_apart || op.kind != OpKind::weight_gradient; };
    std::uint16_t rank = 0;
    for (const std::vector<Op>& ops : llm.ranks) {
      for (const Op& op : ops) {
        (keep(op) ? clock_.ops : apart).push_back(op);
        if (!keep(op)) ranks_apart_.push_back(rank);
      }
      clock_.first.push_back(static_cast<std::uint32_t>(clock_.ops.size()));
      count_live(ops);
      ++rank;
    }
    clock_.ops.insert(clock_.ops.end(), apart.begin(), apart.end());
    for (std::uint32_t i = 0; i < clock_.ops.size(); ++i) load(i, costs, order);
    link();
  }

  std::optional<LlmClock> run() {
    if (!as_soon_as_possible()) return std::nullopt;
    as_late_as_possible();
    collect_dues();
    return std::move(clock_);
  }

 private:
  std::uint32_t& maker(Product product, StageId stage, std::uint32_t position) {
    return makers_[(static_cast<std::size_t>(product) * pipeline_.stages() + stage.value) * pipeline_.microbatches +
                   position];
  }

  void count_live(const std::vector<Op>& ops) {
    std::uint32_t live = 0;
    for (const Op& op : ops) {
      if ((tags(op) & kHolds) != 0) clock_.most_live = std::max(clock_.most_live, ++live);
      if ((tags(op) & kReleases) != 0) --live;
    }
  }

  void load(std::uint32_t i, const CostTable& costs, const std::vector<MicrobatchId>& order) {
    const Op& op = clock_.ops[i];
    const std::uint32_t slot = costs.slot(op.module, op.kind, op.stage, order[op.microbatch.value]);
    LlmTask task;
    task.duration = costs.duration[slot].value;
    task.transfer = costs.transfer[slot].value;
    task.position = op.microbatch.value;
    while (rank_ + 1u < clock_.ranks() && i >= clock_.first[rank_ + 1u]) ++rank_;
    task.rank = i < clock_.first.back() ? rank_ : ranks_apart_[i - clock_.first.back()];
    task.tags = tags(op);
    clock_.tasks.push_back(task);
  }

  std::uint8_t tags(const Op& op) const {
    const bool forward = op.kind == OpKind::forward;
    std::uint8_t out = forward ? kHolds : 0;
    if (op.kind == OpKind::backward || op.kind == OpKind::weight_gradient) out |= kReleases;
    if (!makes_product(op.kind)) return out;
    if (op.stage.value == 0) out |= forward ? kFirstForward : kFirstGradient;
    if (op.stage == pipeline_.last_stage()) out |= forward ? kLastForward : kLastGradient;
    return out;
  }

  // Inputs from other ranks; what comes from the same rank is implied by its order.
  void link() {
    makers_.assign(std::size_t{kProducts} * pipeline_.stages() * pipeline_.microbatches, kNone);
    for (std::uint32_t i = 0; i < clock_.ops.size(); ++i)
      if (makes_product(clock_.ops[i].kind))
        maker(product_of(clock_.ops[i].kind), clock_.ops[i].stage, clock_.ops[i].microbatch.value) = i;
    for (std::uint32_t i = 0; i < clock_.ops.size(); ++i) {
      const Op& op = clock_.ops[i];
      if (op.kind != OpKind::forward) clock_.tasks[i].forward = maker(Product::output, op.stage, op.microbatch.value);
      if (i >= clock_.first.back())
        clock_.tasks[maker(Product::input_gradient, op.stage, op.microbatch.value)].weight = i;
      for_each_input(pipeline_, clock_.ops[i], [&](const ProductKey& key) {
        if (key.module != kLlm) return;
        const std::uint32_t from = maker(key.product, key.stage, key.microbatch.value);
        if (clock_.tasks[from].rank == clock_.tasks[i].rank) return;
        BIGMAC_CHECK(clock_.tasks[i].input == kNone && clock_.tasks[from].consumer == kNone);
        clock_.tasks[i].input = from;
        clock_.tasks[from].consumer = i;
      });
    }
  }

  std::uint32_t last_gradient(std::uint32_t position) {
    return maker(Product::input_gradient, pipeline_.last_stage(), position);
  }

  /// When task i may start by its inputs, or -1.
  std::int64_t ready(std::uint32_t i) {
    const LlmTask& task = clock_.tasks[i];
    std::int64_t at = 0;
    if (task.input != kNone) {
      if (ends_[task.input] < 0) return -1;
      at = ends_[task.input] + clock_.tasks[task.input].transfer;
    }
    return at;
  }

  bool as_soon_as_possible() {
    ends_.assign(clock_.tasks.size(), -1);
    sorted_.reserve(clock_.tasks.size());
    std::vector<std::uint32_t> next(clock_.first.begin(), clock_.first.end() - 1);
    std::vector<std::int64_t> free_at(clock_.ranks(), 0);
    for (std::size_t before = SIZE_MAX; before != sorted_.size();) {
      before = sorted_.size();
      for (std::uint32_t rank = 0; rank < clock_.ranks(); ++rank)
        for (; next[rank] < clock_.first[rank + 1]; ++next[rank]) {
          const std::int64_t at = ready(next[rank]);
          if (at < 0) break;
          free_at[rank] = std::max(free_at[rank], at) + clock_.tasks[next[rank]].duration;
          ends_[next[rank]] = free_at[rank];
          sorted_.push_back(next[rank]);
        }
    }
    clock_.span = *std::max_element(free_at.begin(), free_at.end());
    for (std::uint32_t rank = 0; rank < clock_.ranks(); ++rank) {
      const std::uint32_t i = clock_.first[rank];
      clock_.head.push_back(i < clock_.first[rank + 1] ? ends_[i] - clock_.tasks[i].duration : 0);
    }
    return sorted_.size() == clock_.first.back();
  }

  void as_late_as_possible() {
    std::vector<std::int64_t> way(clock_.tasks.size(), 0);  // from the start of each task to the end
    for (auto it = sorted_.rbegin(); it != sorted_.rend(); ++it) {
      LlmTask& task = clock_.tasks[*it];
      std::int64_t after = *it + 1 < clock_.first[task.rank + 1u] ? way[*it + 1] : 0;
      if (task.consumer != kNone) after = std::max(after, task.transfer + way[task.consumer]);
      way[*it] = task.duration + after;
      task.latest = clock_.span - way[*it];
    }
  }

  void collect_dues() {
    const std::uint32_t count = pipeline_.microbatches;
    for (std::uint32_t p = 0; p < count; ++p) {
      clock_.forward_task.push_back(maker(Product::output, StageId{0}, p));
      clock_.gradient_task.push_back(last_gradient(p));
      clock_.forward_due.push_back(clock_.tasks[clock_.forward_task[p]].latest);
      clock_.gradient_due.push_back(clock_.tasks[clock_.gradient_task[p]].latest);
    }
    std::int64_t forward = 0, other = 0;
    for (std::size_t i = 0; i < clock_.tasks.size(); ++i)
      (clock_.ops[i].kind == OpKind::forward ? forward : other) += clock_.tasks[i].duration;
    const std::int64_t passes = std::int64_t{pipeline_.stages()} * count;
    clock_.mean_forward = forward / passes, clock_.mean_backward = other / passes;
    clock_.by_forward = sorted_by(clock_.forward_due);
    clock_.by_gradient = sorted_by(clock_.gradient_due);
  }

  static std::vector<std::uint32_t> sorted_by(const std::vector<std::int64_t>& due) {
    std::vector<std::uint32_t> out(due.size());
    std::iota(out.begin(), out.end(), 0u);
    std::stable_sort(out.begin(), out.end(), [&](std::uint32_t a, std::uint32_t b) { return due[a] < due[b]; });
    return out;
  }

  const Pipeline& pipeline_;
  LlmClock clock_;
  std::vector<std::uint32_t> makers_, sorted_;
  std::vector<std::uint16_t> ranks_apart_;  // of the weight gradients that are apart
  std::uint16_t rank_ = 0;                  // of the task loaded last
  std::vector<std::int64_t> ends_;
};

}  // namespace

bool has_slope(const LlmBase& base) { return base.name == "1f1b" || base.name == "interleaved"; }

RankOrders orders_with_slope(const LlmBase& base, const BaseRequest& request, std::uint32_t slope, LastGroup last) {
  if (!has_slope(base)) return llm_orders(base, request);
  const Pipeline& pipeline = request.pipeline;
  const std::uint32_t ranks = pipeline.ranks, rest = pipeline.microbatches % ranks;
  const std::uint32_t group = last == LastGroup::smaller ? ranks : pipeline.microbatches < ranks ? rest : ranks + rest;
  RankOrders orders(ranks);
  for (std::uint32_t rank = 0; rank < ranks; ++rank)
    interleaved_with_warmup(pipeline, RankId{rank},
                            slope * (ranks - 1 - rank) + (pipeline.chunks - 1) * group + request.extra_warmup, last,
                            orders[rank]);
  return orders;
}

std::optional<LlmClock> time_llm(const Pipeline& pipeline, const CostTable& costs, const LlmOrder& llm,
                                 const std::vector<MicrobatchId>& order) {
  return Timer(pipeline, costs, llm, order).run();
}

}  // namespace bigmac::hybrid
