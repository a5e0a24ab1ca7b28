// bigmac-profile layers: whose work the GPU did, and a cost table of it.
#include <algorithm>
#include <memory>

#include <fmt/format.h>

#include "bigmac/base/json_reader.h"
#include "bigmac/profiler/attribution.h"
#include "bigmac/profiler/cut.h"
#include "bigmac/profiler/import.h"
#include "bigmac/report/tables.h"
#include "profile_commands.h"
#include "profile_json.h"
#include "program.h"

namespace bigmac::apps {
namespace {

struct LayerOptions {
  std::vector<std::string> files, layer;
  std::string by = "layer", costs, source, step, memory;
  std::int64_t tokens = 0, tp = 1;
  bool json = false;
};

double percent(Nanoseconds part, Nanoseconds whole) {
  return whole.value == 0 ? 0 : 100 * static_cast<double>(part.value) / static_cast<double>(whole.value);
}

void print_row(const LayerRow& row) {
  constexpr std::size_t kLongest = 44;
  const std::string name = row.name.size() <= kLongest ? row.name : row.name.substr(0, kLongest - 3) + "...";
  fmt::print("{:<44} {:>7}", name, row.instances);
  for (const Pass pass : {Pass::forward, Pass::input_gradient, Pass::weight_gradient, Pass::recompute})
    fmt::print(" {:>10}", human_time(row.time[static_cast<std::size_t>(pass)]));
  fmt::print(" {:>10}", human_time(row.communication));
  if (row.memory_instances > 0)
    fmt::print("  saved {}, transient {}", human_bytes(row.saved), human_bytes(row.transient));
  fmt::print("\n");
}

void print_shares(const Attribution& attribution) {
  fmt::print("\nGPU time {}: ", human_time(attribution.total));
  for (std::size_t pass = 0; pass + 1 < kPasses; ++pass)
    fmt::print("{} {:.2f} %, ", name_of(static_cast<Pass>(pass)),
               percent(attribution.by_pass[pass], attribution.total));
  fmt::print("no pass {:.2f} %\n", percent(attribution.by_pass[kPasses - 1], attribution.total));
  for (std::size_t trust = 0; trust + 1 < kTrusts; ++trust)
    if (attribution.by_trust[trust].value > 0)
      fmt::print("layer by {}: {:.2f} %\n", name_of(static_cast<Trust>(trust)),
                 percent(attribution.by_trust[trust], attribution.total));
  fmt::print("unattributed to a layer: {:.2f} %\n", percent(attribution.by_trust[kTrusts - 1], attribution.total));
}

void print_tables(const std::vector<LayerRow>& rows, const Attribution& attribution) {
  fmt::print("{:<44} {:>7} {:>10} {:>10} {:>10} {:>10} {:>10}\n", "", "ran", "F", "I", "W", "R", "of it comm");
  for (const LayerRow& row : rows) print_row(row);
  print_shares(attribution);
}

void write_costs(const LayerOptions& options, const std::vector<LayerRow>& rows, const Attribution& attribution,
                 const Trace& trace) {
  if (options.tokens < 1) bad_input("--tokens", "expected the tokens of a microbatch in the recorded run");
  const bool any = std::any_of(rows.begin(), rows.end(), [](const LayerRow& row) { return row.instances > 0; });
  if (!any)
    bad_input(options.files.front(), "no layer ran forward in it; name its ranges with --layer REGEX=MODULE/KIND");
  std::string source = options.source;
  if (source.empty())
    source = (trace.devices.empty() ? "unknown GPU" : trace.devices.front()) + ", from " + options.files.front();
  write_text_file(options.costs, cost_table_text(rows, attribution, {source, options.tokens, options.tp}));
}

int layers(const LayerOptions& options) {
  const std::vector<std::string> groupings = {"layer", "operator"};
  if (std::find(groupings.begin(), groupings.end(), options.by) == groupings.end())
    bad_input("--by", unknown_name("grouping", options.by, groupings));
  std::vector<LayerRule> rules;
  for (const std::string& text : options.layer) rules.push_back(parse_layer_rule(text));
  if (rules.empty()) rules = default_layer_rules();
  Trace trace = import_traces(options.files);
  if (!options.step.empty()) trace = cut_step(trace, options.step);
  for (const std::string& text : trace.notes) note(text);
  const Attribution attribution = attribute(trace, rules);
  std::vector<LayerRow> rows = layer_table(trace, attribution);
  if (!options.memory.empty()) add_layer_memory(read_text_file(options.memory), options.memory, rules, rows);
  if (!options.costs.empty()) write_costs(options, rows, attribution, trace);
  const std::vector<LayerRow> shown = options.by == "layer" ? rows : operator_table(trace, attribution);
  if (options.json) fmt::print("{}", layers_json(shown, attribution));
  else print_tables(shown, attribution);
  return kDone;
}

}  // namespace

void add_layers_command(CLI::App& app, ProfileCommands& commands) {
  const auto options = std::make_shared<LayerOptions>();
  CLI::App* command = app.add_subcommand("layers", "attribute GPU time to layers and passes; write a cost table");
  command->add_option("TRACE", options->files, "recordings of one run, one per rank")->required();
  command->add_option("--layer", options->layer,
                      "REGEX=MODULE/KIND: ranges that are layers (default: names that common models use)");
  command->add_option("--step", options->step, "only this range of the recording, such as ProfilerStep#3");
  command->add_option("--by", options->by, "layer or operator");
  command->add_option("--costs", options->costs, "write a cost table, schema bigmac.costs/1, here");
  command->add_option("--tokens", options->tokens, "tokens of a microbatch in the recorded run, for --costs");
  command->add_option("--tp", options->tp, "tensor-parallel degree of the recorded run, for --costs")
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--memory", options->memory,
                      "memory by layer that profiler/python/bigmac_memory.py wrote in another run of the same program");
  command->add_option("--source", options->source, "what the cost table says of its origin");
  command->add_flag("--json", options->json, "print as JSON");
  commands[command] = [options] { return layers(*options); };
}

}  // namespace bigmac::apps
