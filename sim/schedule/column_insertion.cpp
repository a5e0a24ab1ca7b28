#include "column_insertion.h"

#include "assemble.h"
#include "bigmac/base/error.h"
#include "bigmac/schedule/dependencies.h"
#include "encoder_columns.h"

namespace bigmac {
namespace {

// Times of the LLM's passes on the nominal clock; -1 while not yet laid out.
class NominalClock {
 public:
  NominalClock(const Pipeline& pipeline, const CostTable& costs) : pipeline_(pipeline) {
    for (std::size_t kind = 0; kind < kOpKinds; ++kind) duration_[kind] = mean(costs, static_cast<OpKind>(kind));
    for (auto& ends : ends_) ends.assign(std::size_t{pipeline.stages()} * pipeline.microbatches, -1);
  }

  /// When the LLM's own inputs of `op` are there, or -1.
  std::int64_t ready(const Op& op) const {
    std::int64_t at = 0;
    for_each_input(pipeline_, op, [&](const ProductKey& key) {
      if (key.module != kLlm || at < 0) return;
      const std::int64_t end = end_of(key.product, key.stage.value, key.microbatch.value);
      at = end < 0 ? -1 : std::max(at, end);
    });
    return at;
  }
  std::int64_t finish(const Op& op, std::int64_t start) {
    const std::int64_t end = start + duration(op.kind);
    if (makes_product(op.kind))
      ends_[static_cast<std::size_t>(product_of(op.kind))][index(op.stage.value, op.microbatch.value)] = end;
    return end;
  }
  std::int64_t duration(OpKind kind) const { return duration_[static_cast<std::size_t>(kind)]; }
  std::int64_t end_of(Product product, std::uint32_t stage, std::uint32_t m) const {
    return ends_[static_cast<std::size_t>(product)][index(stage, m)];
  }

 private:
  std::size_t index(std::uint32_t stage, std::uint32_t m) const {
    return std::size_t{stage} * pipeline_.microbatches + m;
  }
  std::int64_t mean(const CostTable& costs, OpKind kind) const {
    std::int64_t sum = 0;
    for (std::uint32_t stage = 0; stage < pipeline_.stages(); ++stage)
      sum += costs.duration[costs.slot(kLlm, kind, StageId{static_cast<std::uint16_t>(stage)}, MicrobatchId{0})].value /
             pipeline_.stages();
    return std::max<std::int64_t>(1, sum);
  }

  const Pipeline& pipeline_;
  std::array<std::int64_t, kOpKinds> duration_{};
  std::array<std::vector<std::int64_t>, kProducts> ends_;
};

// Advances one rank as far as its inputs allow; true when it moved.
bool advance(NominalClock& clock, const std::vector<Op>& ops, std::vector<std::int64_t>& starts,
             std::int64_t& free_at) {
  const std::size_t before = starts.size();
  while (starts.size() < ops.size()) {
    const Op& op = ops[starts.size()];
    const std::int64_t ready = clock.ready(op);
    if (ready < 0) break;
    starts.push_back(std::max(ready, free_at));
    free_at = clock.finish(op, starts.back());
  }
  return starts.size() > before;
}

void collect_group_times(const Pipeline& pipeline, const NominalClock& clock, LlmLayout& layout) {
  const std::uint32_t groups = (pipeline.microbatches + pipeline.ranks - 1) / pipeline.ranks;
  const std::uint32_t last = pipeline.stages() - 1;
  layout.first_forward_start.assign(groups, INT64_MAX);
  layout.last_forward_end.assign(groups, 0);
  layout.first_gradient_start.assign(groups, INT64_MAX);
  layout.last_gradient_end.assign(groups, 0);
  for (std::uint32_t m = 0; m < pipeline.microbatches; ++m) {
    const std::uint32_t g = m / pipeline.ranks;
    layout.last_forward_end[g] = std::max(layout.last_forward_end[g], clock.end_of(Product::output, last, m));
    layout.last_gradient_end[g] = std::max(layout.last_gradient_end[g], clock.end_of(Product::input_gradient, 0, m));
  }
  for (std::size_t rank = 0; rank < layout.ops.size(); ++rank)
    for (std::size_t i = 0; i < layout.ops[rank].size(); ++i) {
      const Op& op = layout.ops[rank][i];
      const std::uint32_t g = op.microbatch.value / pipeline.ranks;
      const auto earliest = [&](std::int64_t& at) { at = std::min(at, layout.starts[rank][i]); };
      if (op.kind == OpKind::forward && op.stage.value == 0) earliest(layout.first_forward_start[g]);
      if (op.kind != OpKind::forward && makes_product(op.kind) && op.stage.value == last)
        earliest(layout.first_gradient_start[g]);
    }
}

// One rank's columns merged into its LLM operations, in order of their instants.
class ColumnMerge {
 public:
  ColumnMerge(const Pipeline& pipeline, const LlmLayout& layout, RankId rank, std::vector<Op>& out)
      : pipeline_(pipeline),
        ops_(layout.ops[rank.value]),
        starts_(layout.starts[rank.value]),
        rank_(rank),
        encoders_(pipeline, rank),
        out_(out) {}

  void copy_started_before(std::int64_t instant) {
    while (at_ < ops_.size() && starts_[at_] < instant) out_.push_back(ops_[at_++]);
  }
  void copy_rest() { copy_started_before(INT64_MAX); }
  void encode(std::uint32_t group) { encoders_.forward(group, out_); }
  void encode_back(std::uint32_t group) { encoders_.backward(group, out_); }
  void generate(std::uint32_t group) {
    const std::uint64_t m = std::uint64_t{group} * pipeline_.ranks + rank_.value;
    if (m >= pipeline_.microbatches) return;
    for (const OpKind kind : {OpKind::forward, OpKind::backward})
      append_modules(pipeline_, pipeline_.generators, kind, static_cast<std::uint32_t>(m), out_);
  }

 private:
  const Pipeline& pipeline_;
  const std::vector<Op>& ops_;
  const std::vector<std::int64_t>& starts_;
  RankId rank_;
  EncoderColumns encoders_;
  std::vector<Op>& out_;
  std::size_t at_ = 0;
};

}  // namespace

LlmLayout lay_out(const Pipeline& pipeline, const CostTable& costs, RankOrders orders) {
  LlmLayout layout;
  layout.ops = std::move(orders);
  layout.starts.resize(pipeline.ranks);
  NominalClock clock(pipeline, costs);
  std::vector<std::int64_t> free_at(pipeline.ranks, 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
      moved = advance(clock, layout.ops[rank], layout.starts[rank], free_at[rank]) || moved;
  }
  for (std::uint32_t rank = 0; rank < pipeline.ranks; ++rank)
    if (layout.starts[rank].size() != layout.ops[rank].size())
      throw Error(ErrorCode::bad_schedule, "base pipeline", "its order deadlocks by itself");
  collect_group_times(pipeline, clock, layout);
  return layout;
}

bool has_room_for_generators(const LlmLayout& layout) {
  for (std::size_t g = 0; g < layout.last_forward_end.size(); ++g)
    if (layout.first_gradient_start[g] < layout.last_forward_end[g]) return false;
  return true;
}

std::uint32_t smallest_warmup_groups(const LlmLayout& layout) {
  const auto groups = static_cast<std::uint32_t>(layout.last_gradient_end.size());
  for (std::uint32_t width = 1; width < groups; ++width) {
    bool safe = true;
    for (std::uint32_t g = 0; g + width < groups && safe; ++g)
      safe = layout.first_forward_start[g + width] >= layout.last_gradient_end[g];
    if (safe) return width;
  }
  return std::max(1u, groups);
}

Schedule insert_columns(const Pipeline& pipeline, const LlmLayout& layout, std::uint32_t warmup_groups) {
  const auto groups = static_cast<std::uint32_t>(layout.last_gradient_end.size());
  return assemble(pipeline, [&](RankId rank, std::vector<Op>& out) {
    ColumnMerge merge(pipeline, layout, rank, out);
    for (std::uint32_t g = 0; g < std::min(warmup_groups, groups); ++g) merge.encode(g);
    std::uint32_t generated = 0;
    const auto generate_until = [&](std::int64_t instant) {
      for (; generated < groups && layout.last_forward_end[generated] <= instant; ++generated) {
        merge.copy_started_before(layout.last_forward_end[generated]);
        merge.generate(generated);
      }
    };
    for (std::uint32_t g = 0; g < groups; ++g) {
      generate_until(layout.last_gradient_end[g]);
      merge.copy_started_before(layout.last_gradient_end[g]);
      merge.encode_back(g);
      if (g + warmup_groups < groups) merge.encode(g + warmup_groups);
    }
    merge.copy_rest();
  });
}

}  // namespace bigmac
