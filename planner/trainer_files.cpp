#include "bigmac/planner/trainer_files.h"

#include <algorithm>
#include <cctype>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

/// Numbers that both files state.
struct Sizes {
  ParallelPlan plan;
  std::int64_t replica_batch = 0, global_batch = 0, sequence = 0;
};

Sizes sizes_of(const PlanFile& plan) {
  const std::int64_t replica = plan.plan.micro_batch * plan.read.file.pipeline.microbatches;
  return {plan.plan, replica, replica * plan.plan.dp, plan.read.file.job.data.sequence_length};
}

void note_common(const PlanFile& plan, std::vector<std::string>& dropped) {
  const ScheduleFile& file = plan.read.file;
  for (std::size_t m = 1; m < file.pipeline.modules.size(); ++m)
    dropped.push_back(
        fmt::format("{}: its place, its tensor parallelism and its operations", file.pipeline.modules.items[m].name));
  if (plan.plan.shard_sides) dropped.push_back("weights of encoders and generators sharded within a node");
  if (plan.plan.encoder_pp > 1)
    dropped.push_back(fmt::format("encoders cut into {} stages over the pipeline's ranks", plan.plan.encoder_pp));
  if (!file.schedule.microbatch_order.empty())
    dropped.push_back("the order of microbatches: feed them in schedule.microbatch_order");
  dropped.push_back("times and memory");
}

bool has_experts(const PlanFile& plan) {
  const auto& layers = plan.read.file.job.model->llm.layers;
  return std::any_of(layers.begin(), layers.end(), [](const Layer& layer) { return layer.experts.has_value(); });
}

std::string layout_text(const PlanFile& plan, const LayerKinds& kinds) {
  std::string text = megatron_layout(plan.read.file, kinds).text;
  text.pop_back();  // the line's end
  return text;
}

// What the layout says, symbol by symbol, is what the plan's partition says.
void check_layout(const std::string& text, const LayerKinds& kinds) {
  const std::vector<std::string> stages = parse_megatron_layout(text, "export megatron-args");
  BIGMAC_CHECK(stages.size() == kinds.size());
  for (std::size_t s = 0; s < stages.size(); ++s) {
    std::string expected;
    for (const std::string& kind : kinds[s]) expected += kind == "embedding" ? 'E' : kind == "head" ? 'L' : 't';
    BIGMAC_CHECK(stages[s] == expected);
  }
}

using Arguments = std::vector<std::pair<std::string, std::string>>;

/// Of partial recompute the most that any stage runs again: Megatron-LM's block method takes one number for all.
std::uint32_t most_recomputed(const PlanFile& plan) {
  std::uint32_t most = 0;
  for (const std::uint32_t count : plan.recomputed_layers) most = std::max(most, count);
  return most;
}

void add_recompute(const PlanFile& plan, Arguments& out) {
  const Recompute recompute = plan.plan.recompute;
  const std::uint32_t most = most_recomputed(plan);
  if (recompute == Recompute::none || (recompute == Recompute::partial && most == 0)) return;
  const bool whole = recompute == Recompute::full || recompute == Recompute::partial;
  out.emplace_back("recompute-granularity", whole ? "full" : "selective");
  if (recompute == Recompute::mlp) out.emplace_back("recompute-modules", has_experts(plan) ? "moe" : "mlp");
  if (!whole) return;
  out.emplace_back("recompute-method", recompute == Recompute::full ? "uniform" : "block");
  out.emplace_back("recompute-num-layers", recompute == Recompute::full ? "1" : std::to_string(most));
}

/// torchtitan recomputes whole layers, all or none of them, or a list of operators.
const char* checkpoint_mode(const PlanFile& plan) {
  switch (plan.plan.recompute) {
    case Recompute::none: return "none";
    case Recompute::selective:
    case Recompute::mlp: return "selective";
    case Recompute::partial: return most_recomputed(plan) == 0 ? "none" : "full";
    case Recompute::full: return "full";
  }
  return "none";
}

void note_recompute(const PlanFile& plan, bool megatron, std::vector<std::string>& dropped) {
  const auto& again = plan.recomputed_layers;
  const bool differ = std::any_of(again.begin(), again.end(), [&](std::uint32_t n) { return n != again.front(); });
  if (plan.plan.recompute == Recompute::partial && (differ || (!megatron && most_recomputed(plan) > 0)))
    dropped.push_back("how many layers of each stage run again: all stages are told the most that any needs");
  if (plan.plan.recompute == Recompute::mlp && !megatron)
    dropped.push_back("that MLPs run again: torchtitan's selective mode names operators");
  if (plan.plan.encoder_recompute || plan.plan.generator_recompute)
    dropped.push_back("what encoders and generators run again, which differs from the LLM");
}

Arguments megatron_list(const PlanFile& plan, const std::string& layout) {
  const Sizes sizes = sizes_of(plan);
  const Training& training = plan.read.file.job.training;
  Arguments out = {{"tensor-model-parallel-size", std::to_string(sizes.plan.tp)},
                   {"context-parallel-size", std::to_string(sizes.plan.cp)},
                   {"pipeline-model-parallel-size", std::to_string(sizes.plan.pp)},
                   {"pipeline-model-parallel-layout", layout},
                   {"micro-batch-size", std::to_string(sizes.plan.micro_batch)},
                   {"global-batch-size", std::to_string(sizes.global_batch)},
                   {"seq-length", std::to_string(sizes.sequence)}};
  if (has_experts(plan)) {
    out.emplace_back("expert-model-parallel-size", std::to_string(sizes.plan.ep));
    out.emplace_back("expert-tensor-parallel-size", "1");
  }
  add_recompute(plan, out);
  if (training.sequence_parallel && sizes.plan.tp > 1) out.emplace_back("sequence-parallel", "");
  if (training.distributed_optimizer && sizes.plan.shard_optimizer) out.emplace_back("use-distributed-optimizer", "");
  if (training.overlap_gradients) out.emplace_back("overlap-grad-reduce", "");
  return out;
}

bool quotes_itself(char c) { return std::string_view("|*()").find(c) != std::string_view::npos; }

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

std::string schedule_class(const PlanFile& plan) {
  const std::string base =
      plan.read.file.schedule.base.empty() ? plan.read.file.schedule.name : plan.read.file.schedule.base;
  const bool v = base == "zb-v" || base == "v-half" || base == "v-min" || base == "dualpipev";
  return v ? "ZBVZeroBubble" : plan.plan.vpp > 1 ? "Interleaved1F1B" : "1F1B";
}

// Names of torchtitan's decoder parts: tok_embeddings, layers.N, norm and output.
std::string parts_text(const LayerKinds& kinds) {
  std::vector<std::string> stages;
  int layer = 0;
  for (const auto& stage : kinds) {
    std::vector<std::string> names;
    for (const std::string& kind : stage) {
      if (kind == "embedding") names.push_back("\"tok_embeddings\"");
      else if (kind == "head") names.insert(names.end(), {"\"norm\"", "\"output\""});
      else names.push_back(fmt::format("\"layers.{}\"", layer++));
    }
    stages.push_back(fmt::format("[{}]", fmt::join(names, ", ")));
  }
  return fmt::format("[{}]", fmt::join(stages, ", "));
}

Arguments torchtitan_list(const PlanFile& plan, const LayerKinds& kinds) {
  const Sizes sizes = sizes_of(plan);
  const auto number = [](std::int64_t n) { return std::to_string(n); };
  const auto quoted = [](const std::string& text) { return "\"" + text + "\""; };
  return {{"training.local_batch_size", number(sizes.replica_batch)},
          {"training.global_batch_size", number(sizes.global_batch)},
          {"training.seq_len", number(sizes.sequence)},
          {"parallelism.data_parallel_replicate_degree", number(1)},
          {"parallelism.data_parallel_shard_degree", number(sizes.plan.dp)},
          {"parallelism.tensor_parallel_degree", number(sizes.plan.tp)},
          {"parallelism.context_parallel_degree", number(sizes.plan.cp)},
          {"parallelism.expert_parallel_degree", number(sizes.plan.ep)},
          {"parallelism.pipeline_parallel_degree", number(sizes.plan.pp)},
          {"parallelism.pipeline_parallel_schedule", quoted(schedule_class(plan))},
          {"parallelism.pipeline_parallel_microbatch_size", number(sizes.plan.micro_batch)},
          {"parallelism.module_fqns_per_model_part", parts_text(kinds)},
          {"activation_checkpoint.mode", quoted(checkpoint_mode(plan))}};
}

/// An integer, a quoted string without escapes, or lists of lists of such strings.
bool is_value(const std::string& text) {
  if (text.empty()) return false;
  if (std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; }))
    return text.size() <= 18;
  int depth = 0;
  bool in_string = false, after_value = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') return false;
      if (c == '"') in_string = false, after_value = true;
    } else if (c == '"' || c == '[') {
      if (after_value || (depth == 0 && i > 0)) return false;
      if (c == '"') in_string = true;
      else if (++depth > 2) return false;
    } else if (c == ']') {
      if (--depth < 0) return false;
      after_value = true;
    } else if (c == ',') {
      if (!after_value || depth == 0) return false;
      after_value = false;
    } else if (c != ' ' || depth == 0) {
      return false;
    }
  }
  return depth == 0 && !in_string && after_value;
}

void check_same(const Arguments& written, const std::map<std::string, std::string>& read) {
  BIGMAC_CHECK(written.size() == read.size());
  for (const auto& [key, value] : written) {
    const auto found = read.find(key);
    BIGMAC_CHECK(found != read.end() && found->second == value);
  }
}

}  // namespace

std::map<std::string, std::string> parse_arguments(const std::string& text, const std::string& where) {
  std::map<std::string, std::string> out;
  const std::vector<std::string> lines = lines_of(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const auto fail = [&](const std::string& what) { bad_input(fmt::format("{}: line {}", where, i + 1), what); };
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string key = line.substr(0, space);
    if (key.size() < 3 || key.substr(0, 2) != "--" ||
        key.find_first_not_of("abcdefghijklmnopqrstuvwxyz-", 2) != std::string::npos)
      fail("expected --name or --name VALUE");
    std::string value = space < line.size() ? line.substr(space + 1) : "";
    if (space < line.size() && value.empty()) fail("a space, and no value");
    if (value.size() > 1 && value.front() == '\'' && value.back() == '\'') value = value.substr(1, value.size() - 2);
    if (value.find_first_of(" '\"\t") != std::string::npos) fail("a value holds quotes or spaces");
    if (!out.emplace(key.substr(2), value).second) fail(key + " is given twice");
  }
  return out;
}

std::map<std::string, std::string> parse_configuration(const std::string& text, const std::string& where) {
  std::map<std::string, std::string> out;
  std::string section;
  const std::vector<std::string> lines = lines_of(text);
  const std::string letters = "abcdefghijklmnopqrstuvwxyz_";
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string& line = lines[i];
    const auto fail = [&](const std::string& what) { bad_input(fmt::format("{}: line {}", where, i + 1), what); };
    if (line.empty() || line[0] == '#') continue;
    if (line[0] == '[') {
      if (line.size() < 3 || line.back() != ']') fail("expected [section]");
      section = line.substr(1, line.size() - 2);
      if (section.find_first_not_of(letters) != std::string::npos) fail("expected a section's name of small letters");
      continue;
    }
    const std::size_t equals = line.find(" = ");
    const std::string key = line.substr(0, equals);
    if (section.empty() || equals == std::string::npos || key.empty() ||
        key.find_first_not_of(letters) != std::string::npos)
      fail("expected key = value in a section");
    const std::string value = line.substr(equals + 3);
    if (!is_value(value)) fail("expected an integer, \"text\" or a list of lists of \"text\"");
    if (!out.emplace(section + "." + key, value).second) fail(key + " is given twice");
  }
  return out;
}

Export megatron_arguments(const PlanFile& plan, const LayerKinds& kinds) {
  const std::string layout = layout_text(plan, kinds);
  check_layout(layout, kinds);
  const Arguments list = megatron_list(plan, layout);
  Export out;
  for (const auto& [key, value] : list) {
    const bool quote = std::any_of(value.begin(), value.end(), quotes_itself);
    out.text += value.empty() ? fmt::format("--{}\n", key)
                              : fmt::format("--{} {}{}{}\n", key, quote ? "'" : "", value, quote ? "'" : "");
  }
  check_same(list, parse_arguments(out.text, "export megatron-args"));
  const std::string& schedule = plan.read.file.schedule.name;
  if (schedule != "1f1b" && schedule != "interleaved")
    out.dropped.push_back(fmt::format(
        "the order of {}: Megatron-LM runs its own 1F1B, interleaved where stages are more than ranks", schedule));
  note_recompute(plan, true, out.dropped);
  note_common(plan, out.dropped);
  return out;
}

Export torchtitan_configuration(const PlanFile& plan, const LayerKinds& kinds) {
  if (kinds.size() != plan.read.file.pipeline.stages())
    bad_input("export torchtitan", "the file holds no partition of a model's layers; export a plan of bigmac-plan");
  const Arguments list = torchtitan_list(plan, kinds);
  Export out;
  std::string section;
  for (const auto& [key, value] : list) {
    const std::size_t dot = key.find('.');
    if (key.substr(0, dot) != section) {
      out.text += fmt::format("{}[{}]\n", section.empty() ? "" : "\n", key.substr(0, dot));
      section = key.substr(0, dot);
    }
    out.text += fmt::format("{} = {}\n", key.substr(dot + 1), value);
  }
  check_same(list, parse_configuration(out.text, "export torchtitan"));
  out.dropped.push_back(
      "the order of operations: export it as torch-csv and name the file in pipeline_parallel_schedule_csv");
  if (plan.plan.dp > 1)
    out.dropped.push_back(
        "how data-parallel state is held: torchtitan shards weights too (FSDP), the plan optimizer state alone");
  note_recompute(plan, false, out.dropped);
  note_common(plan, out.dropped);
  return out;
}

}  // namespace bigmac
