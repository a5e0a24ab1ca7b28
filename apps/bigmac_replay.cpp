// bigmac-replay: a recorded step as a dependency graph, timed again; then what-if.
#include <charconv>

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bigmac/profiler/attribution.h"
#include "bigmac/profiler/cut.h"
#include "bigmac/profiler/import.h"
#include "program.h"
#include "replay_tables.h"
#include "self_description.h"

namespace bigmac::apps {
namespace {

struct ReplayOptions {
  std::vector<std::string> files, scale, scale_layer, layer;
  std::optional<double> communication;
  std::string from, to, step;
  bool json = false;
};

/// "PATTERN=FACTOR".
Scale parse_scale(const std::string& option, const std::string& text) {
  const std::size_t equals = text.rfind('=');
  double factor = 0;
  const char* end = text.data() + text.size();
  const auto parsed = equals == std::string::npos ? std::from_chars_result{end, std::errc::invalid_argument}
                                                  : std::from_chars(text.data() + equals + 1, end, factor);
  if (parsed.ec != std::errc() || parsed.ptr != end) bad_input(option + " " + text, "expected REGEX=FACTOR");
  return {text.substr(0, equals), factor};
}

bool asks(const ReplayOptions& options) {
  return !options.scale.empty() || !options.scale_layer.empty() || options.communication || !options.from.empty();
}

WhatIf what_if(const ReplayOptions& options) {
  WhatIf out;
  for (const std::string& text : options.scale) out.kernels.push_back(parse_scale("--scale", text));
  for (const std::string& text : options.scale_layer) out.layers.push_back(parse_scale("--scale-layer", text));
  out.communication = options.communication.value_or(1);
  if (options.from.empty() != options.to.empty()) bad_input("--from, --to", "expected both, two cluster files");
  if (!options.from.empty()) out.gpu = gpu_ratio(load_cluster(options.from), load_cluster(options.to));
  return out;
}

/// The name of each event's layer, where the question is about layers.
std::vector<NameId> layers_of(const Trace& trace, const ReplayOptions& options) {
  if (options.scale_layer.empty()) return {};
  std::vector<LayerRule> rules;
  for (const std::string& text : options.layer) rules.push_back(parse_layer_rule(text));
  for (const LayerRule& rule : default_layer_rules()) rules.push_back(rule);
  return layer_names(trace, attribute(trace, rules));
}

int replay(const ReplayOptions& options) {
  const WhatIf question = what_if(options);
  Trace trace = import_traces(options.files);
  if (!options.step.empty()) trace = cut_step(trace, options.step);
  for (const std::string& text : trace.notes) note(text);
  const ReplayGraph graph = build_replay(trace);
  const SlotCosts costs = replay_costs(graph);
  const ReplayTiming timing = time_replay(graph, costs);
  ReplayReport report{trace,
                      graph,
                      self_replay(trace, graph, timing),
                      critical_path(trace, graph, costs, timing),
                      idle_by_cause(trace, graph, costs, timing),
                      {}};
  if (asks(options)) {
    Answer& answer = report.answer.emplace();
    const SlotCosts changed = what_if_costs(trace, graph, layers_of(trace, options), question, answer.touched);
    const ReplayTiming under = time_replay(graph, changed);
    answer.length = under.length;
    answer.path = critical_path(trace, graph, changed, under);
  }
  fmt::print("{}", options.json ? replay_json(report) : replay_table(report));
  return kDone;
}

int main_program(int argc, char** argv) {
  CLI::App app("Replays recorded GPU traces, and asks what-if", "bigmac-replay");
  ReplayOptions options;
  app.add_option("TRACE", options.files,
                 "recordings of one run: Kineto, Nsight Systems or bigmac.trace/1, one per rank")
      ->required();
  app.add_option("--step", options.step, "only this range of the recording, such as ProfilerStep#3");
  app.add_option("--scale", options.scale, "REGEX=FACTOR: GPU operations whose name matches take FACTOR of their time");
  app.add_option("--scale-layer", options.scale_layer, "REGEX=FACTOR: those of layers whose range matches");
  app.add_option("--layer", options.layer, "REGEX=MODULE/KIND: ranges that are layers, before the usual names");
  app.add_option("--communication", options.communication, "FACTOR for collectives; 0 removes them");
  app.add_option("--from", options.from, "cluster file of the GPU that recorded (configs/clusters)");
  app.add_option("--to", options.to, "cluster file of another GPU: times by the ratio of what bounds each kernel");
  app.add_flag("--json", options.json, "print as JSON");
  describe_itself(app);
  if (const auto code = parse_command_line(app, argc, argv)) return *code;
  return replay(options);
}

}  // namespace
}  // namespace bigmac::apps

int main(int argc, char** argv) {
  return bigmac::apps::run_program([&] { return bigmac::apps::main_program(argc, argv); });
}
