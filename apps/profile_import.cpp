// bigmac-profile import: what recordings hold, whoever wrote them.
#include <array>
#include <memory>

#include <fmt/format.h>

#include "bigmac/profiler/import.h"
#include "bigmac/profiler/joins.h"
#include "bigmac/report/tables.h"
#include "profile_commands.h"
#include "profile_json.h"
#include "program.h"

namespace bigmac::apps {
namespace {

struct ImportOptions {
  std::vector<std::string> files;
  bool json = false;
};

void print_contents(const Trace& trace, const TraceContents& contents) {
  fmt::print("{} records, {} events kept, {} memory events, {} lost by the writer\n", trace.records,
             trace.events.size(), trace.memory.size(), trace.dropped);
  for (const std::string& device : contents.devices) fmt::print("GPU        {}\n", device);
  for (const Process& process : trace.processes) {
    fmt::print("process    {} {}", process.pid, process.name);
    if (process.rank) fmt::print(", rank {}", *process.rank);
    if (process.world_size) fmt::print(" of {}", *process.world_size);
    fmt::print("\n");
  }
  fmt::print("{:<16} {:>10} {:>14}\n", "kind", "events", "time");
  for (std::size_t kind = 0; kind < kEventKinds; ++kind)
    if (contents.events[kind] > 0)
      fmt::print("{:<16} {:>10} {:>14}\n", name_of(static_cast<EventKind>(kind)), contents.events[kind],
                 human_time(contents.time[kind]));
  fmt::print("GPU operations with a launch record: {} of {}\n", contents.launched, contents.gpu_operations);
}

int import(const ImportOptions& options) {
  const Trace trace = import_traces(options.files);
  for (const std::string& text : trace.notes) note(text);
  const TraceContents contents = contents_of(trace);
  if (options.json) fmt::print("{}", contents_json(trace, contents));
  else print_contents(trace, contents);
  return kDone;
}

}  // namespace

void add_import_command(CLI::App& app, ProfileCommands& commands) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* command = app.add_subcommand("import", "read recordings and say what they hold");
  command->add_option("TRACE", options->files, "Kineto JSON(.gz), Nsight Systems SQLite, bigmac.trace/1; one per rank")
      ->required();
  command->add_flag("--json", options->json, "print as JSON");
  commands[command] = [options] { return import(*options); };
}

}  // namespace bigmac::apps
