#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include <fmt/format.h>

#include "bigmac/graph/task_graph.h"
#include "diagnose.h"

namespace bigmac {
namespace {

/// How often one pass (module, stage, microbatch) is listed, by kind, and where; parts count when complete.
struct PassCounts {
  std::array<std::uint8_t, kOpKinds> whole{};
  std::uint16_t rank = 0;
  bool placed = false;
};

/// An operation of which some parts were met.
struct Parts {
  std::uint16_t next = 0, parts = 1;
};

class Completeness {
 public:
  Completeness(const Pipeline& pipeline, const Schedule& schedule) : pipeline_(pipeline), schedule_(schedule) {
    std::size_t next = 0;
    for (const ModuleShape& module : pipeline.modules) {
      first_.push_back(next);
      next += std::size_t{module.stages} * pipeline.microbatches;
    }
    counts_.resize(next);
  }

  std::optional<Fault> check() {
    for (std::uint32_t rank = 0; rank < schedule_.ranks(); ++rank) {
      parts_.clear();
      for (std::uint32_t i = schedule_.first[rank]; i < schedule_.first[rank + 1]; ++i)
        if (auto fault = count(rank, i)) return fault;
      if (!parts_.empty()) return fault_at(rank, schedule_.first[rank + 1] - 1, "parts of an operation are missing");
    }
    return check_counts();
  }

 private:
  PassCounts& counts(const Op& op) {
    return counts_[first_[op.module.value] + std::size_t{op.stage.value} * pipeline_.microbatches +
                   op.microbatch.value];
  }

  std::optional<Fault> count(std::uint32_t rank, std::uint32_t i) {
    const Op& op = schedule_.ops[i];
    if (auto fault = follow_parts(rank, i)) return fault;
    if (op.part + 1 != op.parts) return std::nullopt;
    PassCounts& pass = counts(op);
    if (pass.placed && pass.rank != rank)
      return fault_at(rank, i, fmt::format("belongs on rank {}, where the rest of its pass is", pass.rank));
    pass.placed = true;
    pass.rank = static_cast<std::uint16_t>(rank);
    const auto has = [&](OpKind kind) { return pass.whole[static_cast<std::size_t>(kind)] > 0; };
    if (has(op.kind)) return fault_at(rank, i, "is listed more than once");
    if (op.kind == OpKind::weight_gradient && !has(OpKind::input_gradient))
      return fault_at(rank, i, "comes before its input gradient");
    if (op.kind == OpKind::recompute && (has(OpKind::backward) || has(OpKind::input_gradient)))
      return fault_at(rank, i, "recomputes after the backward that needs it");
    ++pass.whole[static_cast<std::size_t>(op.kind)];
    return std::nullopt;
  }

  std::optional<Fault> follow_parts(std::uint32_t rank, std::uint32_t i) {
    const Op& op = schedule_.ops[i];
    if (op.parts == 1) return std::nullopt;
    const auto key = std::tuple(op.module.value, op.stage.value, op.microbatch.value, static_cast<int>(op.kind));
    const auto open = parts_.find(key);
    const Parts expected = open == parts_.end() ? Parts{0, op.parts} : open->second;
    if (op.parts != expected.parts)
      return fault_at(rank, i, fmt::format("is cut into {} parts here and into {} before", op.parts, expected.parts));
    if (op.part != expected.next)
      return fault_at(rank, i, fmt::format("is out of order: part {} was expected", expected.next));
    if (op.part + 1 == op.parts) parts_.erase(key);
    else parts_[key] = {static_cast<std::uint16_t>(expected.next + 1), op.parts};
    return std::nullopt;
  }

  std::optional<Fault> check_counts() {
    for (std::size_t m = 0; m < pipeline_.modules.size(); ++m)
      for (std::uint32_t stage = 0; stage < pipeline_.modules.items[m].stages; ++stage)
        for (std::uint32_t mb = 0; mb < pipeline_.microbatches; ++mb) {
          const Op op{MicrobatchId{mb}, StageId{static_cast<std::uint16_t>(stage)},
                      ModuleId{static_cast<std::uint8_t>(m)}};
          if (auto fault = check_pass(op)) return fault;
        }
    return std::nullopt;
  }

  std::optional<Fault> check_pass(Op op) {
    const auto& whole = counts(op).whole;
    const auto times = [&](OpKind kind) { return static_cast<int>(whole[static_cast<std::size_t>(kind)]); };
    const int split = times(OpKind::input_gradient) + times(OpKind::weight_gradient);
    const ModuleShape& module = pipeline_.modules[op.module];
    if (!module.backward && times(OpKind::forward) == 1 && times(OpKind::backward) + split == 0) return std::nullopt;
    if (module.backward && times(OpKind::forward) == 1 &&
        ((times(OpKind::backward) == 1 && split == 0) || (times(OpKind::backward) == 0 && split == 2)))
      return std::nullopt;
    std::string what =
        fmt::format("F {}, B {}, I {}, W {} times; expected F once and B once, or I and W once", times(OpKind::forward),
                    times(OpKind::backward), times(OpKind::input_gradient), times(OpKind::weight_gradient));
    return Fault{FaultKind::missing,
                 fmt::format("{} stage {} microbatch {} is listed as {}", module.name, op.stage.value,
                             op.microbatch.value, what),
                 {},
                 {}};
  }

  Fault fault_at(std::uint32_t rank, std::uint32_t i, const std::string& what) {
    std::vector<std::uint32_t> marked(schedule_.first.begin(), schedule_.first.end() - 1);
    marked[rank] = i;
    return {FaultKind::misplaced,
            fmt::format("{} (rank {}, step {}) {}", to_string(pipeline_, schedule_.ops[i]), rank,
                        i - schedule_.first[rank], what),
            {},
            grid_around(pipeline_, schedule_, marked, {rank})};
  }

  const Pipeline& pipeline_;
  const Schedule& schedule_;
  std::vector<std::size_t> first_;
  std::vector<PassCounts> counts_;
  std::map<std::tuple<int, int, std::uint32_t, int>, Parts> parts_;  // by operation, on one rank
};

}  // namespace

std::optional<Fault> find_incompleteness(const Pipeline& pipeline, const Schedule& schedule) {
  return Completeness(pipeline, schedule).check();
}

}  // namespace bigmac
