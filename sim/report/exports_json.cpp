#include "bigmac/report/exports.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bigmac/base/json_reader.h"

namespace bigmac {
namespace {

/// Of all stages of a partition; a file that states more is no model's, and would only fill memory.
constexpr std::int64_t kMostLayers = 100'000;

/// The kind of each layer of a stage, from {"embedding": 1, "transformer": 2}; takes their number off `left`.
std::vector<std::string> kinds_of_stage(const JsonReader& counts, std::int64_t& left) {
  const std::vector<std::string> known = {"embedding", "transformer", "projector", "head"};
  std::vector<std::string> kinds;
  for (const auto& [kind, count] : counts.members()) {
    if (std::find(known.begin(), known.end(), kind) == known.end())
      counts.fail(unknown_name("kind of layer", kind.substr(0, 64), known));
    const std::int64_t layers = count.integer(1, kMostLayers);
    if (layers > left) count.fail(fmt::format("the stages hold more than {} layers", kMostLayers));
    left -= layers;
    kinds.insert(kinds.end(), static_cast<std::size_t>(layers), kind);
  }
  return kinds;
}

bool has_side_modules(const Pipeline& pipeline) { return pipeline.modules.size() > 1; }

void note_side_modules(const Pipeline& pipeline, std::vector<std::string>& dropped) {
  if (!has_side_modules(pipeline)) return;
  std::vector<std::string> names;
  for (std::size_t m = 1; m < pipeline.modules.size(); ++m) names.push_back(pipeline.modules.items[m].name);
  dropped.push_back(fmt::format("operations of {}: the format knows LLM stages only", fmt::join(names, ", ")));
}

// "Ettt" -> "Et*3"
std::string stage_symbols(const std::vector<std::string>& kinds) {
  std::string out;
  for (std::size_t i = 0; i < kinds.size();) {
    std::size_t same = i;
    while (same < kinds.size() && kinds[same] == kinds[i]) ++same;
    const char symbol = kinds[i] == "embedding" ? 'E' : kinds[i] == "head" ? 'L' : 't';
    out += same - i == 1 ? std::string(1, symbol) : fmt::format("{}*{}", symbol, same - i);
    i = same;
  }
  return out;
}

bool placed_in_turn(const ScheduleFile& file) {
  for (std::uint32_t rank = 0; rank < file.schedule.ranks(); ++rank)
    for (const Op& op : file.schedule.rank_ops(RankId{rank}))
      if (op.module == kLlm && op.stage.value % file.schedule.ranks() != rank) return false;
  return true;
}

// What torch.distributed.pipelining's loader and lowering refuse, said here in words (schedules.py of
// pytorch at commit 00722e6: one rank per stage, and no rank without work).
void refuse_what_torch_does(const ScheduleFile& file) {
  const std::string where = "export torch-csv";
  std::vector<std::uint32_t> rank_of(file.pipeline.stages(), file.pipeline.ranks);
  for (std::uint32_t rank = 0; rank < file.schedule.ranks(); ++rank) {
    bool any = false;
    for (const Op& op : file.schedule.rank_ops(RankId{rank})) {
      if (op.module != kLlm) continue;
      any = true;
      if (op.kind == OpKind::recompute) bad_input(where, "the format has no recompute operation");
      if (op.parts > 1) bad_input(where, "the format has no operation in parts");
      std::uint32_t& holder = rank_of[op.stage.value];
      if (holder != file.pipeline.ranks && holder != rank)
        bad_input(where, fmt::format("LLM stage {} runs on ranks {} and {}; torch takes one rank per stage",
                                     op.stage.value, holder, rank));
      holder = rank;
    }
    if (!any) bad_input(where, fmt::format("rank {} runs no LLM stage; torch takes no idle rank", rank));
  }
}

// torch counts the losses as the last stage makes them, and looks them up by microbatch: numbers must follow that
// order.
std::vector<std::uint32_t> order_of_losses(const ScheduleFile& file) {
  std::vector<std::uint32_t> order;
  for (const Op& op : file.schedule.ops)
    if (op.module == kLlm && op.kind == OpKind::forward && op.stage == file.pipeline.last_stage())
      order.push_back(op.microbatch.value);
  return order;
}

}  // namespace

Export torch_csv(const ScheduleFile& file) {
  refuse_what_torch_does(file);
  Export out;
  note_side_modules(file.pipeline, out.dropped);
  out.dropped.push_back("durations and memory");
  const auto order = order_of_losses(file);
  std::vector<std::uint32_t> position(order.size());
  for (std::size_t at = 0; at < order.size(); ++at) position[order[at]] = static_cast<std::uint32_t>(at);
  if (!std::is_sorted(order.begin(), order.end()))
    out.dropped.push_back(
        fmt::format("the job's numbers of microbatches: torch wants them in the order of the last stage's forwards, so "
                    "feed it the job's microbatches in the order {}",
                    fmt::join(order, ",")));
  for (std::uint32_t rank = 0; rank < file.schedule.ranks(); ++rank) {
    std::vector<std::string> cells;
    for (const Op& op : file.schedule.rank_ops(RankId{rank}))
      if (op.module == kLlm)
        cells.push_back(fmt::format("{}{}{}", op.stage.value, letter(op.kind), position[op.microbatch.value]));
    out.text += fmt::format("{}\n", fmt::join(cells, ","));
  }
  return out;
}

Export megatron_layout(const ScheduleFile& file, const std::vector<std::vector<std::string>>& layer_kinds) {
  if (layer_kinds.size() != file.pipeline.stages())
    bad_input("export megatron-layout",
              "the file holds no partition of a model's layers; export a plan of bigmac-plan");
  Export out;
  std::vector<std::string> stages;
  for (const auto& kinds : layer_kinds) stages.push_back(stage_symbols(kinds));
  out.text = fmt::format("{}\n", fmt::join(stages, "|"));
  note_side_modules(file.pipeline, out.dropped);
  out.dropped.push_back("the order of operations: Megatron-LM runs its own interleaved 1F1B");
  if (!placed_in_turn(file))
    out.dropped.push_back("where stages run: Megatron-LM puts stage k on rank k mod PP, this schedule elsewhere");
  return out;
}

Export operations_csv(const ScheduleFile& file, const Outcome& outcome) {
  Export out;
  out.text = "rank,step,op,module,stage,microbatch,part,parts,start_ns,end_ns\n";
  const Schedule& schedule = file.schedule;
  for (std::uint32_t rank = 0; rank < schedule.ranks(); ++rank)
    for (std::uint32_t i = schedule.first[rank]; i < schedule.first[rank + 1]; ++i) {
      const Op& op = schedule.ops[i];
      const OpTimes times = op_times(outcome.graph, outcome.slots, outcome.timing, i);
      fmt::format_to(std::back_inserter(out.text), "{},{},{},{},{},{},{},{},{},{}\n", rank, i - schedule.first[rank],
                     letter(op.kind), file.pipeline.modules[op.module].name, op.stage.value, op.microbatch.value,
                     op.part, op.parts, times.start.value, times.end.value);
    }
  out.dropped.push_back("the job, memory, and dependencies");
  return out;
}

std::vector<std::vector<std::string>> read_layer_kinds(const std::string& text, const std::string& file) {
  const Json document = parse_json(text, file);
  const JsonReader root(document, file);
  const auto partition = root.find("partition");
  if (!partition) return {};
  if (partition->find("list"))
    partition->fail(
        "holds one list of all modules' layers (balanced): a trainer's layout names the LLM's layers alone. 'list' "
        "says "
        "which layers each stage holds; or plan with another --schedule");
  std::vector<std::vector<std::string>> out;
  std::int64_t left = kMostLayers;
  for (const JsonReader& stage : partition->at("llm").items()) {
    std::vector<std::string> kinds = kinds_of_stage(stage.at("kinds"), left);
    const auto order = [](const std::string& kind) { return kind == "embedding" ? 0 : kind == "head" ? 2 : 1; };
    std::stable_sort(kinds.begin(), kinds.end(), [&](const auto& a, const auto& b) { return order(a) < order(b); });
    out.push_back(std::move(kinds));
  }
  return out;
}

}  // namespace bigmac
