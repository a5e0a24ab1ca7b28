// bigmac-replay: a recorded step as a dependency graph, timed again; then what-if.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bigmac/profiler/import.h"
#include "bigmac/profiler/replay.h"
#include "program.h"

namespace bigmac::apps {
namespace {

int main_program(int argc, char** argv) {
  CLI::App app("Replays recorded GPU traces, and asks what-if", "bigmac-replay");
  std::vector<std::string> files;
  app.add_option("TRACE", files, "recordings, one per rank")->required();
  app.parse(argc, argv);
  const Trace trace = import_traces(files);
  for (const std::string& text : trace.notes) note(text);
  const ReplayGraph graph = build_replay(trace);
  const ReplayTiming timing = time_replay(graph, replay_costs(graph));
  const SelfReplay self = self_replay(trace, graph, timing);
  fmt::print("recorded {:.3f} ms replayed {:.3f} ms error {:.2f} % placement {:.2f} %\n",
             1e-6 * static_cast<double>(self.recorded.value), 1e-6 * static_cast<double>(self.replayed.value),
             100 * self.error, 100 * self.placement_error);
  for (std::size_t k = 0; k < kEdgeKinds; ++k)
    fmt::print("  {} {}\n", name_of(static_cast<EdgeKind>(k)), graph.edge_counts[k]);
  fmt::print("  dropped {} pauses {} {} us\n", graph.dropped_edges, graph.kept_pauses,
             graph.kept_pause_time.value / 1000);
  for (const auto& l : graph.latencies)
    fmt::print("  launch {} {} {} gap {} {} {}\n", l.launch[0].value, l.launch[1].value, l.launch[2].value,
               l.gap[0].value, l.gap[1].value, l.gap[2].value);
  return kDone;
}

}  // namespace
}  // namespace bigmac::apps

int main(int argc, char** argv) {
  return bigmac::apps::run_program([&] { return bigmac::apps::main_program(argc, argv); });
}
