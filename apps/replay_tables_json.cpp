#include <fmt/format.h>
#include <cmath>

#include "bigmac/base/json_reader.h"
#include "bigmac/report/tables.h"
#include "replay_tables.h"

namespace bigmac::apps {
namespace {

constexpr std::size_t kNamesShown = 5, kLongestName = 60;

double percent(Nanoseconds part, Nanoseconds whole) {
  return whole.value == 0 ? 0 : 100 * static_cast<double>(part.value) / static_cast<double>(whole.value);
}

double rounded(double value) { return std::round(1e6 * value) / 1e6; }

std::string shortened(std::string_view name) {
  return name.size() <= kLongestName ? std::string(name) : std::string(name.substr(0, kLongestName - 3)) + "...";
}

std::string graph_lines(const ReplayGraph& graph) {
  std::string out = fmt::format("graph        {} nodes;", graph.nodes.size());
  for (std::size_t kind = 0; kind < kEdgeKinds; ++kind)
    if (graph.edge_counts[kind] > 0)
      out += fmt::format(" {} {},", graph.edge_counts[kind], name_of(static_cast<EdgeKind>(kind)));
  out.back() = '\n';
  out += fmt::format("kept         {} pauses before operations without a launch record, {}\n", graph.kept_pauses,
                     human_time(graph.kept_pause_time));
  if (graph.dropped_edges > 0)
    out += fmt::format("dropped      {} edges that contradict the recorded times\n", graph.dropped_edges);
  return out;
}

std::string path_lines(const Trace& trace, const CriticalPath& path, Nanoseconds length) {
  std::string out = fmt::format("\ncritical path, {} nodes\n", path.nodes);
  for (std::size_t cause = 0; cause < kCauses; ++cause)
    if (path.times[cause].value > 0)
      out += fmt::format("  {:<24} {:>12} {:>6.2f} %\n", name_of(static_cast<Cause>(cause)),
                         human_time(path.times[cause]), percent(path.times[cause], length));
  for (std::size_t i = 0; i < std::min(kNamesShown, path.operations.size()); ++i)
    out += fmt::format("    {:>12} in {:>5} x {}\n", human_time(path.operations[i].time), path.operations[i].operations,
                       shortened(trace.names[path.operations[i].name]));
  return out;
}

std::string idle_lines(const GpuIdle& gpu, Nanoseconds length) {
  std::string out = fmt::format("\nprocess {} GPU {}: busy {} ({:.2f} %); idle by cause\n", gpu.process.value,
                                gpu.device, human_time(gpu.busy), percent(gpu.busy, length));
  for (std::size_t cause = 0; cause < kCauses; ++cause)
    if (gpu.idle[cause].value > 0)
      out += fmt::format("  {:<24} {:>12} {:>6.2f} %\n", name_of(static_cast<Cause>(cause)),
                         human_time(gpu.idle[cause]), percent(gpu.idle[cause], length));
  return out;
}

std::string answer_lines(const ReplayReport& report) {
  const Answer& answer = *report.answer;
  std::string out = "\nwhat if\n";
  for (const Touched& touched : answer.touched)
    out += fmt::format("  {}: {} operations, {} -> {}\n", touched.what, touched.operations, human_time(touched.before),
                       human_time(touched.after));
  out += fmt::format("  replayed {} -> {} ({:+.2f} %)\n", human_time(report.self.replayed), human_time(answer.length),
                     percent(answer.length - report.self.replayed, report.self.replayed));
  return out + path_lines(report.trace, answer.path, answer.length);
}

Json times_json(const CauseTimes& times) {
  Json out = Json::object();
  for (std::size_t cause = 0; cause < kCauses; ++cause) out[name_of(static_cast<Cause>(cause))] = times[cause].value;
  return out;
}

Json path_json(const Trace& trace, const CriticalPath& path) {
  Json names = Json::array();
  for (const NamedTime& entry : path.operations)
    names.push_back({{"name", trace.names[entry.name]}, {"operations", entry.operations}, {"ns", entry.time.value}});
  return {{"nodes", path.nodes}, {"causes_ns", times_json(path.times)}, {"operations", names}};
}

}  // namespace

std::string replay_table(const ReplayReport& report) {
  const SelfReplay& self = report.self;
  std::string out = fmt::format(
      "recorded     {}\nreplayed     {}\nself-replay  {:.3f} % off; operations start {:.3f} % of the recording off on "
      "average\n",
      human_time(self.recorded), human_time(self.replayed), 100 * self.error, 100 * self.placement_error);
  out += graph_lines(report.graph) + path_lines(report.trace, report.path, self.replayed);
  for (const GpuIdle& gpu : report.idle) out += idle_lines(gpu, self.replayed);
  if (report.answer) out += answer_lines(report);
  return out;
}

std::string replay_json(const ReplayReport& report) {
  Json edges = Json::object(), gpus = Json::array();
  for (std::size_t kind = 0; kind < kEdgeKinds; ++kind)
    edges[name_of(static_cast<EdgeKind>(kind))] = report.graph.edge_counts[kind];
  for (const GpuIdle& gpu : report.idle)
    gpus.push_back({{"process", gpu.process.value},
                    {"device", gpu.device},
                    {"busy_ns", gpu.busy.value},
                    {"idle_ns", times_json(gpu.idle)}});
  Json out = {{"recorded_ns", report.self.recorded.value},
              {"replayed_ns", report.self.replayed.value},
              {"self_replay_error", rounded(report.self.error)},
              {"placement_error", rounded(report.self.placement_error)},
              {"nodes", report.graph.nodes.size()},
              {"edges", edges},
              {"dropped_edges", report.graph.dropped_edges},
              {"kept_pauses", report.graph.kept_pauses},
              {"kept_pause_ns", report.graph.kept_pause_time.value},
              {"critical_path", path_json(report.trace, report.path)},
              {"gpus", gpus}};
  if (report.answer) {
    Json touched = Json::array();
    for (const Touched& t : report.answer->touched)
      touched.push_back(
          {{"what", t.what}, {"operations", t.operations}, {"before_ns", t.before.value}, {"after_ns", t.after.value}});
    out["what_if"] = {{"touched", touched},
                      {"replayed_ns", report.answer->length.value},
                      {"critical_path", path_json(report.trace, report.answer->path)}};
  }
  return out.dump(1) + "\n";
}

}  // namespace bigmac::apps
