// BigMac: encoder and generator nested into the LLM pipeline (2605.25451).
//
// Idea: microbatches go in groups of P; one group's encoder (or generator) work is spread over all
// ranks as a full-height *column*, rank r taking microbatch gP + r. Columns are inserted so that all ranks pause
// the LLM together: no bubble is added when a column costs the same everywhere, and activations of
// encoder and generator stay O(1) in M. Rules R1-R5 (read off the authors' figure), V >= 2 and G = M/P >= 2:
//
//   R2  LLM: interleaved 1F1B; with a generator P more warm-up forwards than Megatron-LM's.
//   R3  encoder-forward columns of groups 0..W-1 first, W = 3
//   R4  generator column g right after forward number VP(g+1) + (P-1-r); the last group's right
//       after the (P-1-r)-th cool-down backward
//   R5  encoder-backward column g right after backward number min(VP(g+1) + r, VM), then at once the
//       encoder-forward column of group g+W: backward first, which caps the live activations
//
//   4 ranks, V = 2, M = 8, encoder only, rank 3:
//   e3 e7 F0:0-3 F1:0 B1:0 F1:1 B1:1 F1:2 B1:2 F1:3 B1:3 F0:4 B0:0 ... F1:6 B1:6 E3 F1:7 B1:7 B0:4-7 E7
//
// Departure: where P does not divide M, the last group's missing microbatches are left out of the order of the next
// multiple. For V = 1 or G = 1 and for other bases, columns are inserted by the general method of column_insertion.h,
// with the smallest W that cannot deadlock unless the caller names one. With sort_microbatches = 1, microbatches of
// like cost share a column (microbatch_order.h). An encoder too large for one rank: encoder_columns.h.
#include <algorithm>

#include <fmt/format.h>

#include "assemble.h"
#include "bigmac/base/error.h"
#include "bigmac/schedule/builders.h"
#include "bigmac/schedule/llm_base.h"
#include "column_insertion.h"
#include "encoder_columns.h"
#include "microbatch_order.h"

namespace bigmac {
namespace {

constexpr std::uint32_t kDefaultWarmupGroups = 3;

/// Where rank r's columns go, in counts of forwards and backwards done (R4, R5).
struct ColumnRules {
  std::uint32_t ranks, chunks, groups, rank, warmup;

  std::uint32_t per_group() const { return chunks * ranks; }
  std::uint32_t total() const { return per_group() * groups; }
  std::uint32_t generator_after_forward(std::uint32_t g) const { return per_group() * (g + 1) + (ranks - 1 - rank); }
  std::uint32_t last_generator_after_backward() const { return total() - warmup + (ranks - 1 - rank); }
  std::uint32_t encoder_after_backward(std::uint32_t g) const {
    return std::min(per_group() * (g + 1) + rank, total());
  }
};

class RuleNesting {
 public:
  RuleNesting(const Pipeline& pipeline, const ColumnRules& rules, std::uint32_t warmup_groups, std::vector<Op>& out)
      : pipeline_(pipeline),
        rules_(rules),
        encoders_(pipeline, RankId{rules.rank}),
        warmup_groups_(warmup_groups),
        out_(out) {}

  void start() {
    for (std::uint32_t g = 0; g < std::min(warmup_groups_, rules_.groups); ++g) encoders_.forward(g, out_);
  }
  void add(const Op& op) {
    out_.push_back(op);
    ++(op.kind == OpKind::forward ? forwards_ : backwards_);
    while (generator_due()) generator_column();
    while (encoder_ < rules_.groups && backwards_ >= rules_.encoder_after_backward(encoder_)) encoder_column();
  }

 private:
  std::uint32_t own(std::uint32_t group) const { return group * rules_.ranks + rules_.rank; }
  bool generator_due() const {
    if (generator_ >= rules_.groups) return false;
    if (generator_ + 1 < rules_.groups) return forwards_ >= rules_.generator_after_forward(generator_);
    return forwards_ == rules_.total() && backwards_ >= rules_.last_generator_after_backward();
  }
  void generator_column() {
    append_modules(pipeline_, pipeline_.generators, OpKind::forward, own(generator_), out_);
    append_modules(pipeline_, pipeline_.generators, OpKind::backward, own(generator_), out_);
    ++generator_;
  }
  void encoder_column() {
    encoders_.backward(encoder_, out_);
    const std::uint32_t entering = encoder_ + warmup_groups_;
    if (entering < rules_.groups) encoders_.forward(entering, out_);
    ++encoder_;
  }

  const Pipeline& pipeline_;
  const ColumnRules& rules_;
  EncoderColumns encoders_;
  std::uint32_t warmup_groups_;
  std::vector<Op>& out_;
  std::uint32_t forwards_ = 0, backwards_ = 0, generator_ = 0, encoder_ = 0;
};

Schedule build_by_rules(const ScheduleRequest& request, std::uint32_t extra_warmup, std::uint32_t warmup_groups) {
  // A last group that is not full: as if it were, its missing microbatches left out.
  Pipeline pipeline = request.pipeline;
  pipeline.microbatches = (pipeline.microbatches + pipeline.ranks - 1) / pipeline.ranks * pipeline.ranks;
  std::vector<Op> base;
  return assemble(request.pipeline, [&](RankId rank, std::vector<Op>& out) {
    const std::size_t begin = out.size();
    const std::uint32_t ranks = pipeline.ranks, r = rank.value;
    const std::uint32_t warmup = 2 * (ranks - 1 - r) + (pipeline.chunks - 1) * ranks + extra_warmup;
    const ColumnRules rules{ranks, pipeline.chunks, pipeline.microbatches / ranks, r, warmup};
    base.clear();
    interleaved_order({pipeline, request.costs, extra_warmup}, rank, base);
    RuleNesting nesting(pipeline, rules, warmup_groups, out);
    nesting.start();
    for (const Op& op : base) nesting.add(op);
    if (pipeline.microbatches == request.pipeline.microbatches) return;
    out.erase(std::remove_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(),
                             [&](const Op& op) { return op.microbatch.value >= request.pipeline.microbatches; }),
              out.end());
  });
}

Schedule build_by_insertion(const ScheduleRequest& request, std::uint32_t extra_warmup,
                            std::optional<std::uint32_t> asked, std::uint32_t& used) {
  const BaseRequest base{request.pipeline, request.costs, extra_warmup};
  const LlmLayout layout = lay_out(request.pipeline, request.costs, llm_orders(find_llm_base(request.base), base));
  if (!request.pipeline.generators.empty() && !has_room_for_generators(layout))
    bad_input("--base " + request.base,
              "its backwards begin before a whole group's forwards have ended: no room for generator columns");
  used = asked.value_or(smallest_warmup_groups(layout));
  return insert_columns(request.pipeline, layout, used);
}

void sort_if_asked(const ScheduleRequest& request, Schedule& schedule) {
  const auto asked = request.parameters.find("sort_microbatches");
  const bool sort = asked != request.parameters.end() && asked->second != 0;
  schedule.parameters["sort_microbatches"] = sort ? 1 : 0;
  if (!sort) return;
  const std::vector<MicrobatchId> order = column_order(request.pipeline, request.costs);
  const ColumnLoss loss = column_loss(request.pipeline, request.costs, order);
  apply_order(schedule, order);
  schedule.notes.push_back(fmt::format("microbatches sorted into columns: uneven columns lose {} ns, {} ns as given",
                                       loss.ordered, loss.as_given));
}

}  // namespace

Schedule build_bigmac(const ScheduleRequest& request) {
  const Pipeline& pipeline = request.pipeline;
  std::optional<std::uint32_t> asked;
  if (const auto it = request.parameters.find("encoder_warmup_groups"); it != request.parameters.end())
    asked = static_cast<std::uint32_t>(it->second);
  const std::uint32_t extra_warmup = pipeline.generators.empty() ? 0 : pipeline.ranks;
  const bool rules_hold =
      request.base == "interleaved" && pipeline.chunks >= 2 && pipeline.microbatches > pipeline.ranks;
  std::uint32_t used = asked.value_or(kDefaultWarmupGroups);
  Schedule schedule =
      rules_hold ? build_by_rules(request, extra_warmup, used) : build_by_insertion(request, extra_warmup, asked, used);
  schedule.parameters["encoder_warmup_groups"] = used;
  sort_if_asked(request, schedule);
  if (used != kDefaultWarmupGroups && !asked)
    schedule.notes.push_back(
        fmt::format("encoder_warmup_groups = {}: the fewest with which this base cannot deadlock", used));
  if (!pipeline.generators.empty())
    schedule.notes.push_back(
        fmt::format("{} more warm-up forwards per rank than {} alone: a whole group's last "
                    "forwards precede its first backward",
                    pipeline.ranks, request.base));
  return schedule;
}

}  // namespace bigmac
