#include "column_insertion.h"

#include "assemble.h"
#include "bigmac/base/error.h"
#include "op_makers.h"

namespace bigmac {
namespace {

// Ends of the LLM's passes on the nominal clock; -1 while not yet laid out.
struct NominalClock {
  const Pipeline& pipeline;
  std::int64_t duration[2];  // forward, backward
  std::vector<std::int64_t> ends[2];

  std::size_t index(std::uint32_t stage, std::uint32_t m) const {
    return static_cast<std::size_t>(stage) * pipeline.microbatches + m;
  }
  // When the inputs of `op` are there, or -1.
  std::int64_t ready(const Op& op) const {
    const std::uint32_t stage = op.stage.value, m = op.microbatch.value;
    if (op.kind == OpKind::forward) return stage == 0 ? 0 : ends[0][index(stage - 1, m)];
    const std::int64_t own = ends[0][index(stage, m)];
    if (stage + 1 == pipeline.stages() || own < 0) return own;
    return ends[1][index(stage + 1, m)];
  }
};

// Advances one rank as far as its inputs allow; true when it moved.
bool advance(NominalClock& clock, const std::vector<Op>& ops, std::vector<std::int64_t>& starts,
             std::int64_t& free_at) {
  const std::size_t before = starts.size();
  while (starts.size() < ops.size()) {
    const Op& op = ops[starts.size()];
    const std::int64_t ready = clock.ready(op);
    if (ready < 0) break;
    const int kind = op.kind == OpKind::forward ? 0 : 1;
    starts.push_back(std::max(ready, free_at));
    free_at = starts.back() + clock.duration[kind];
    clock.ends[kind][clock.index(op.stage.value, op.microbatch.value)] = free_at;
  }
  return starts.size() > before;
}

void collect_group_times(const Pipeline& pipeline, const NominalClock& clock, LlmLayout& layout) {
  const std::uint32_t groups = (pipeline.microbatches + pipeline.ranks - 1) / pipeline.ranks;
  layout.last_forward_end.assign(groups, 0);
  layout.last_backward_end.assign(groups, 0);
  layout.first_forward_start.assign(groups, INT64_MAX);
  for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) {
    const std::uint32_t g = m / pipeline.ranks;
    const auto latest = [](std::int64_t& at, std::int64_t time) { at = std::max(at, time); };
    latest(layout.last_forward_end[g], clock.ends[0][clock.index(pipeline.stages() - 1, m)]);
    latest(layout.last_backward_end[g], clock.ends[1][clock.index(0, m)]);
    const std::int64_t start = clock.ends[0][clock.index(0, m)] - clock.duration[0];
    layout.first_forward_start[g] = std::min(layout.first_forward_start[g], start);
  }
}

// One rank's columns merged into its LLM operations, in order of their instants.
class ColumnMerge {
 public:
  ColumnMerge(const Pipeline& pipeline, const LlmLayout& layout, RankId rank, std::vector<Op>& out)
      : pipeline_(pipeline), ops_(layout.ops[rank.value]), starts_(layout.starts[rank.value]), rank_(rank), out_(out) {}

  void copy_started_before(std::int64_t instant) {
    while (at_ < ops_.size() && starts_[at_] < instant) out_.push_back(ops_[at_++]);
  }
  void copy_rest() { copy_started_before(INT64_MAX); }
  void column(const std::vector<ModuleId>& modules, OpKind kind, std::uint32_t group) {
    const std::uint64_t m = std::uint64_t{group} * pipeline_.ranks + rank_.value;
    if (m < pipeline_.microbatches) append_modules(modules, kind, static_cast<std::uint32_t>(m), out_);
  }

 private:
  const Pipeline& pipeline_;
  const std::vector<Op>& ops_;
  const std::vector<std::int64_t>& starts_;
  RankId rank_;
  std::vector<Op>& out_;
  std::size_t at_ = 0;
};

}  // namespace

LlmLayout lay_out(const Pipeline& pipeline, LlmOrder order, std::uint32_t extra_warmup, std::int64_t forward,
                  std::int64_t backward) {
  LlmLayout layout;
  layout.ops.resize(pipeline.ranks);
  layout.starts.resize(pipeline.ranks);
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
    order(pipeline, RankId{rank}, extra_warmup, layout.ops[rank]);
  NominalClock clock{pipeline, {forward, backward}, {}};
  for (auto& ends : clock.ends) ends.assign(static_cast<std::size_t>(pipeline.stages()) * pipeline.microbatches, -1);
  std::vector<std::int64_t> free_at(pipeline.ranks, 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
      moved = advance(clock, layout.ops[rank], layout.starts[rank], free_at[rank]) || moved;
  }
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
    BIGMAC_CHECK(layout.starts[rank].size() == layout.ops[rank].size());
  collect_group_times(pipeline, clock, layout);
  return layout;
}

std::uint32_t smallest_warmup_groups(const LlmLayout& layout) {
  const auto groups = static_cast<std::uint32_t>(layout.last_backward_end.size());
  for (std::uint32_t width = 1; width < groups; ++width) {
    bool safe = true;
    for (std::uint32_t g = 0; g + width < groups && safe; ++g)
      safe = layout.first_forward_start[g + width] >= layout.last_backward_end[g];
    if (safe) return width;
  }
  return std::max(1u, groups);
}

Schedule insert_columns(const Pipeline& pipeline, const LlmLayout& layout, std::uint32_t warmup_groups) {
  const auto groups = static_cast<std::uint32_t>(layout.last_backward_end.size());
  return assemble(pipeline, [&](RankId rank, std::vector<Op>& out) {
    ColumnMerge merge(pipeline, layout, rank, out);
    for (std::uint32_t g = 0; g < std::min(warmup_groups, groups); ++g)
      merge.column(pipeline.encoders, OpKind::forward, g);
    std::uint32_t generated = 0;
    const auto generate_until = [&](std::int64_t instant) {
      for (; generated < groups && layout.last_forward_end[generated] <= instant; ++generated) {
        merge.copy_started_before(layout.last_forward_end[generated]);
        merge.column(pipeline.generators, OpKind::forward, generated);
        merge.column(pipeline.generators, OpKind::backward, generated);
      }
    };
    for (std::uint32_t g = 0; g < groups; ++g) {
      generate_until(layout.last_backward_end[g]);
      merge.copy_started_before(layout.last_backward_end[g]);
      merge.column(pipeline.encoders, OpKind::backward, g);
      if (g + warmup_groups < groups) merge.column(pipeline.encoders, OpKind::forward, g + warmup_groups);
    }
    merge.copy_rest();
  });
}

}  // namespace bigmac
