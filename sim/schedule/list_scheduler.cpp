#include "list_scheduler.h"

#include <algorithm>
#include <queue>
#include <tuple>

#include "bigmac/base/error.h"
#include "bigmac/schedule/dependencies.h"

namespace bigmac {
namespace {

/// What 1F1B would take first: smaller is sooner.
using Priority = std::tuple<int, std::uint32_t, std::int32_t>;

struct Ready {
  std::int64_t at;  // when its inputs are there
  Priority priority;
  Op op;
};

struct LaterArrival {
  bool operator()(const Ready& a, const Ready& b) const {
    return std::tie(a.at, a.priority) > std::tie(b.at, b.priority);
  }
};
struct LowerPriority {
  bool operator()(const Ready& a, const Ready& b) const { return a.priority > b.priority; }
};

struct Rank {
  std::priority_queue<Ready, std::vector<Ready>, LaterArrival> coming;
  std::priority_queue<Ready, std::vector<Ready>, LowerPriority> ready;
  std::int64_t free_at = 0;
};

class ListScheduler {
 public:
  ListScheduler(const Pipeline& pipeline, const CostTable& costs, const Placement& placement)
      : pipeline_(pipeline), costs_(costs), placement_(placement), ranks_(pipeline.ranks) {
    std::size_t next = 0;
    for (const ModuleShape& module : pipeline.modules) {
      first_.push_back(next);
      next += std::size_t{module.stages} * pipeline.microbatches;
    }
    for (auto& column : made_) column.assign(next, kUnmade);
    for (auto& column : missing_) column.assign(next, 0);
    result_.orders.resize(pipeline.ranks);
  }

  ListSchedule run() {
    count_inputs();
    list_sources();
    for (std::uint32_t rank = 0; rank < pipeline_.ranks; ++rank) offer_source(rank);
    for (std::uint32_t rank = 0; rank < pipeline_.ranks; ++rank) wake(rank, 0);
    while (!events_.empty()) {
      const auto [at, rank] = events_.top();
      events_.pop();
      step(rank, at);
    }
    for (const auto& order : result_.orders) placed_ += order.size();
    BIGMAC_CHECK(static_cast<std::int64_t>(placed_) == pipeline_.operations());
    return std::move(result_);
  }

 private:
  static constexpr std::int64_t kUnmade = -1;

  std::size_t index(ModuleId module, StageId stage, MicrobatchId m) const {
    return first_[module.value] + std::size_t{stage.value} * pipeline_.microbatches + m.value;
  }
  std::size_t index(const Op& op) const { return index(op.module, op.stage, op.microbatch); }
  std::uint32_t rank_of(const Op& op) const {
    return op.module == kLlm ? placement_.stage_rank[op.stage.value] : placement_.side_rank(op.module, op.microbatch);
  }
  static std::size_t side(OpKind kind) { return kind == OpKind::forward ? 0 : 1; }

  Priority priority(const Op& op) const {
    const bool forward = op.kind == OpKind::forward;
    const std::int32_t depth = forward ? -std::int32_t{op.stage.value} : std::int32_t{op.stage.value};
    return {forward ? 1 : 0, op.microbatch.value, depth};
  }

  template <class Visit>
  void for_each_op(Visit&& visit) const {
    for (std::uint8_t module = 0; module < pipeline_.modules.size(); ++module)
      for (std::uint32_t stage = 0; stage < pipeline_.modules.items[module].stages; ++stage)
        for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m)
          for (const OpKind kind : {OpKind::forward, OpKind::backward})
            if (kind == OpKind::forward || pipeline_.modules.items[module].backward)
              visit(Op{MicrobatchId{m}, StageId{static_cast<std::uint16_t>(stage)}, ModuleId{module}, kind});
  }

  void count_inputs() {
    for_each_op([&](const Op& op) {
      for_each_input(pipeline_, op, [&](const ProductKey&) { ++missing_[side(op.kind)][index(op)]; });
    });
  }

  /// Passes without inputs, by rank, in the order in which priority takes them: one at a time is offered, so that no
  /// queue grows with the number of microbatches.
  void list_sources() {
    sources_.resize(pipeline_.ranks);
    next_source_.assign(pipeline_.ranks, 0);
    const auto list = [&](ModuleId module, std::uint32_t m) {
      const Op op{MicrobatchId{m}, StageId{0}, module};
      sources_[rank_of(op)].push_back(op);
    };
    for (std::uint32_t m = 0; m < pipeline_.microbatches; ++m) {
      for (const ModuleId encoder : pipeline_.encoders) list(encoder, m);
      if (pipeline_.encoders.empty()) list(kLlm, m);
    }
  }
  void offer_source(std::uint32_t rank) {
    if (next_source_[rank] < sources_[rank].size()) offer(sources_[rank][next_source_[rank]++], 0);
  }
  bool is_source(const Op& op) const {
    return op.kind == OpKind::forward && op.stage.value == 0 &&
           (pipeline_.encoders.empty() ? op.module == kLlm : pipeline_.modules[op.module].role == Role::encoder);
  }

  void offer(const Op& op, std::int64_t at) {
    const std::uint32_t rank = rank_of(op);
    ranks_[rank].coming.push({at, priority(op), op});
    wake(rank, std::max(at, ranks_[rank].free_at));
  }
  void wake(std::uint32_t rank, std::int64_t at) { events_.push({at, rank}); }

  void step(std::uint32_t id, std::int64_t now) {
    Rank& rank = ranks_[id];
    if (rank.free_at > now) return;
    while (!rank.coming.empty() && rank.coming.top().at <= now) {
      rank.ready.push(rank.coming.top());
      rank.coming.pop();
    }
    if (rank.ready.empty()) return;
    if (holds_back(rank.ready.top().op)) return hold_back(id, now);
    const Op op = rank.ready.top().op;
    rank.ready.pop();
    execute(id, op, now);
  }

  bool holds_back(const Op& op) const {
    return op.kind == OpKind::forward && op.module == kLlm && op.stage.value == 0 && in_flight_ >= placement_.in_flight;
  }
  // Forwards of stage 0 wait for a place in flight; anything else on the rank may go on.
  void hold_back(std::uint32_t id, std::int64_t now) {
    Rank& rank = ranks_[id];
    while (!rank.ready.empty() && holds_back(rank.ready.top().op)) {
      waiting_.push(rank.ready.top());
      rank.ready.pop();
    }
    if (!rank.ready.empty()) wake(id, now);
  }

  void execute(std::uint32_t id, const Op& op, std::int64_t now) {
    const std::uint32_t slot = costs_.slot(op);
    const std::int64_t end = now + costs_.duration[slot].value;
    result_.orders[id].push_back(op);
    result_.makespan = std::max(result_.makespan, end);
    ranks_[id].free_at = end;
    wake(id, end);
    if (is_source(op)) offer_source(id);
    if (op.module == kLlm && op.stage.value == 0) {
      if (op.kind == OpKind::forward) ++in_flight_;
      else land(end);
    }
    made_[side(op.kind)][index(op)] = end;
    release_consumers(op, end);
  }

  void land(std::int64_t at) {
    --in_flight_;
    if (waiting_.empty()) return;
    Ready next = waiting_.top();
    waiting_.pop();
    next.at = std::max(next.at, at);
    const std::uint32_t rank = rank_of(next.op);
    ranks_[rank].coming.push(next);
    wake(rank, next.at);
  }

  // The consumers of a pass, by the dependency rule read backwards; each is offered when its last input is made.
  void release_consumers(const Op& op, std::int64_t end) {
    const ModuleShape& module = pipeline_.modules[op.module];
    const auto satisfy = [&](Op consumer) { satisfied(consumer, op, end); };
    const auto at = [&](ModuleId id, std::uint32_t stage, OpKind kind) {
      return Op{op.microbatch, StageId{static_cast<std::uint16_t>(stage)}, id, kind};
    };
    const std::uint32_t stage = op.stage.value;
    if (op.kind == OpKind::forward) {
      if (module.backward) satisfy(at(op.module, stage, OpKind::backward));
      if (stage + 1 < module.stages) satisfy(at(op.module, stage + 1, OpKind::forward));
      else if (module.role == Role::encoder) satisfy(at(kLlm, 0, OpKind::forward));
      else if (module.role == Role::llm)
        for (const ModuleId generator : pipeline_.generators) satisfy(at(generator, 0, OpKind::forward));
      return;
    }
    if (stage > 0) satisfy(at(op.module, stage - 1, OpKind::backward));
    else if (module.role == Role::generator) satisfy(at(kLlm, pipeline_.stages() - 1, OpKind::backward));
    else if (module.role == Role::llm)
      for (const ModuleId encoder : pipeline_.encoders)
        if (pipeline_.modules[encoder].backward) satisfy(at(encoder, 0, OpKind::backward));
  }

  void satisfied(const Op& consumer, const Op& producer, std::int64_t end) {
    const bool remote = rank_of(consumer) != rank_of(producer);
    const std::int64_t arrival = end + (remote ? costs_.transfer[costs_.slot(producer)].value : 0);
    const std::size_t i = index(consumer), kind = side(consumer.kind);
    made_[kind][i] = std::max(made_[kind][i], arrival);  // until it runs: when its inputs are there
    if (--missing_[kind][i] == 0) offer(consumer, made_[kind][i]);
  }

  using Event = std::pair<std::int64_t, std::uint32_t>;
  const Pipeline& pipeline_;
  const CostTable& costs_;
  const Placement& placement_;
  std::vector<Rank> ranks_;
  std::vector<std::size_t> first_;
  std::vector<std::int64_t> made_[2];     // by pass: arrival of its latest input, then its end
  std::vector<std::uint8_t> missing_[2];  // by pass: inputs not yet made
  std::priority_queue<Ready, std::vector<Ready>, LowerPriority> waiting_;  // first forwards held back
  std::vector<std::vector<Op>> sources_;                                   // by rank
  std::vector<std::size_t> next_source_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint32_t in_flight_ = 0;
  std::size_t placed_ = 0;
  ListSchedule result_;
};

}  // namespace

ListSchedule list_schedule(const Pipeline& pipeline, const CostTable& costs, const Placement& placement) {
  return ListScheduler(pipeline, costs, placement).run();
}

}  // namespace bigmac
