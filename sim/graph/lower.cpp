#include <algorithm>
#include <array>

#include "bigmac/base/error.h"
#include "bigmac/graph/task_graph.h"
#include "diagnose.h"
#include "product_table.h"

namespace bigmac {
namespace {

// An entry of the product table: 0 not made; a task id; or, with the top bit, a rank that waits for it.
constexpr std::uint32_t kWaiter = 0x8000'0000u;
constexpr std::uint32_t kNobody = 0x7fff'ffffu;

/// Places operations one ready rank after the other; a rank that lacks an input sleeps on the entry
/// of that product and is woken by its maker, so each operation is looked at once or twice.
class Lowering {
 public:
  Lowering(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs)
      : pipeline_(pipeline),
        schedule_(schedule),
        costs_(costs),
        products_(pipeline, 0),
        next_waiter_(schedule.ranks(), kNobody),
        next_op_(schedule.first.begin(), schedule.first.end() - 1),
        last_task_(schedule.ranks(), 0) {
    graph_.table_slots = static_cast<std::uint32_t>(costs.size());
    graph_.tasks.reserve(schedule.ops.size() + 1);
    rank_of_.reserve(schedule.ops.size() + 1);
    graph_.tasks.push_back({0, 0, graph_.join_slot()});
    rank_of_.push_back(0);
    graph_.task_of.resize(schedule.ops.size());
  }

  std::variant<TaskGraph, Fault> run() {
    fill_ready();
    while (head_ != tail_ && !duplicate_) {
      const std::uint32_t rank = ready_[head_++ & mask_];
      if (try_place(rank) && next_op_[rank] < schedule_.first[rank + 1]) ready_[tail_++ & mask_] = rank;
    }
    if (duplicate_) return duplicate_fault(pipeline_, schedule_, *duplicate_);
    for (std::uint32_t rank = 0; rank < schedule_.ranks(); ++rank)
      if (next_op_[rank] < schedule_.first[rank + 1]) return diagnose_stuck(pipeline_, schedule_, next_op_);
    return std::move(graph_);
  }

 private:
  void fill_ready() {
    std::uint32_t size = 1;
    while (size < schedule_.ranks() + 1) size *= 2;
    ready_.resize(size);
    mask_ = size - 1;
    for (std::uint32_t rank = 0; rank < schedule_.ranks(); ++rank)
      if (schedule_.first[rank] < schedule_.first[rank + 1]) ready_[tail_++] = rank;
  }

  bool try_place(std::uint32_t rank) {
    const Op& op = schedule_.ops[next_op_[rank]];
    remote_count_ = 0;
    if (op.part == 0 && !gather_inputs(op, rank)) return false;
    place(op, rank);
    return true;
  }

  // Collects producers on other ranks; false when one is not made yet (the rank then sleeps on it).
  bool gather_inputs(const Op& op, std::uint32_t rank) {
    bool complete = true;
    for_each_input(pipeline_, op, [&](const ProductKey& key) {
      if (!complete) return;
      std::uint32_t& entry = products_[key];
      if (entry == 0 || (entry & kWaiter) != 0) {
        next_waiter_[rank] = entry == 0 ? kNobody : entry & ~kWaiter;
        entry = kWaiter | rank;
        complete = false;
      } else if (rank_of_[entry] != rank) {
        remote_[remote_count_++] = entry;
      }
    });
    return complete;
  }

  void place(const Op& op, std::uint32_t rank) {
    for (std::uint32_t i = 1; i < remote_count_; ++i) append_task(rank, remote_[i], graph_.join_slot());
    const std::uint32_t task = append_task(rank, remote_count_ > 0 ? remote_[0] : 0, slot_of(op));
    graph_.task_of[next_op_[rank]++] = task;
    if (op.part + 1 == op.parts && makes_product(op.kind)) publish(op, task);
  }

  std::uint32_t append_task(std::uint32_t rank, std::uint32_t input, std::uint32_t slot) {
    const auto task = static_cast<std::uint32_t>(graph_.tasks.size());
    graph_.tasks.push_back({last_task_[rank], input, slot});
    rank_of_.push_back(static_cast<std::uint16_t>(rank));
    return last_task_[rank] = task;
  }

  std::uint32_t slot_of(const Op& op) {
    const std::uint32_t slot = costs_.slot(op);
    if (op.parts == 1) return slot;
    graph_.part_slots.push_back({slot, op.part, op.parts});
    return static_cast<std::uint32_t>(graph_.slots()) - 1;
  }

  void publish(const Op& op, std::uint32_t task) {
    std::uint32_t& entry = products_[{product_of(op.kind), op.module, op.stage, op.microbatch}];
    if (entry != 0) {
      if ((entry & kWaiter) == 0) {
        duplicate_ = op;
        return;
      }
      for (std::uint32_t rank = entry & ~kWaiter; rank != kNobody; rank = next_waiter_[rank])
        ready_[tail_++ & mask_] = rank;
    }
    entry = task;
  }

  const Pipeline& pipeline_;
  const Schedule& schedule_;
  const CostTable& costs_;
  TaskGraph graph_;
  ProductTable products_;
  std::vector<std::uint16_t> rank_of_;      // by task
  std::vector<std::uint32_t> next_waiter_;  // by rank: the next rank asleep on the same product
  std::vector<std::uint32_t> next_op_;      // by rank: index into schedule.ops
  std::vector<std::uint32_t> last_task_;    // by rank
  std::vector<std::uint32_t> ready_;        // ring of ranks that may go on; each is in it at most once
  std::uint32_t head_ = 0, tail_ = 0, mask_ = 0;
  std::array<std::uint32_t, kMaxModules + 1> remote_{};
  std::uint32_t remote_count_ = 0;
  std::optional<Op> duplicate_;
};

}  // namespace

std::variant<TaskGraph, Fault> lower(const Pipeline& pipeline, const Schedule& schedule, const CostTable& costs) {
  return Lowering(pipeline, schedule, costs).run();
}

}  // namespace bigmac
