#include "bigmac/report/exports.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bigmac/base/json_reader.h"

namespace bigmac {
namespace {

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

}  // namespace

Export torch_csv(const ScheduleFile& file) {
  Export out;
  note_side_modules(file.pipeline, out.dropped);
  out.dropped.push_back("durations and memory");
  if (!file.schedule.microbatch_order.empty())
    out.dropped.push_back("the order of microbatches: feed the trainer its microbatches in schedule.microbatch_order");
  for (std::uint32_t rank = 0; rank < file.schedule.ranks(); ++rank) {
    std::vector<std::string> cells;
    for (const Op& op : file.schedule.rank_ops(RankId{rank})) {
      if (op.module != kLlm) continue;
      if (op.kind == OpKind::recompute) bad_input("export torch-csv", "the format has no recompute operation");
      cells.push_back(fmt::format("{}{}{}", op.stage.value, letter(op.kind), op.microbatch.value));
    }
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
  std::vector<std::vector<std::string>> out;
  for (const JsonReader& stage : partition->at("llm").items()) {
    std::vector<std::string> kinds;
    for (const auto& [kind, count] : stage.at("kinds").members())
      kinds.insert(kinds.end(), static_cast<std::size_t>(count.integer(1, 100'000)), kind);
    const auto order = [](const std::string& kind) { return kind == "embedding" ? 0 : kind == "head" ? 2 : 1; };
    std::stable_sort(kinds.begin(), kinds.end(), [&](const auto& a, const auto& b) { return order(a) < order(b); });
    out.push_back(std::move(kinds));
  }
  return out;
}

}  // namespace bigmac
