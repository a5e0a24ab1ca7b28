// bigmac-profile memory: allocations of a recording or of an allocator's snapshot, step by step.
#include <memory>

#include <fmt/format.h>

#include "bigmac/profiler/import.h"
#include "bigmac/profiler/memory.h"
#include "bigmac/profiler/memory_snapshot.h"
#include "bigmac/report/tables.h"
#include "profile_commands.h"
#include "profile_json.h"
#include "program.h"

namespace bigmac::apps {
namespace {

struct MemoryOptions {
  std::string file;
  bool json = false;
};

void print_memory(const MemorySnapshot& snapshot, const std::vector<MemoryStretch>& stretches) {
  fmt::print("{:<24} {:>6} {:>8} {:>14} {:>14}\n", "stretch", "device", "events", "peak", "net");
  for (const MemoryStretch& stretch : stretches)
    fmt::print("{:<24} {:>6} {:>8} {:>14} {:>14}\n", stretch.name.substr(0, 24),
               stretch.device < 0 ? "host" : std::to_string(stretch.device), stretch.events, human_bytes(stretch.peak),
               human_bytes(stretch.net));
  for (const SegmentTotals& totals : snapshot.segments)
    fmt::print("held at the end on device {}: {} segments, {} reserved, {} allocated, {} active\n", totals.device,
               totals.segments, human_bytes(totals.reserved), human_bytes(totals.allocated),
               human_bytes(totals.active));
  fmt::print("totals that disagree with their events: {}\n", memory_mismatches(snapshot.trace));
}

int memory(const MemoryOptions& options) {
  const bool snapshot = is_memory_snapshot(options.file);
  const MemorySnapshot read =
      snapshot ? read_memory_snapshot(options.file) : MemorySnapshot{import_trace(options.file), {}};
  for (const std::string& text : read.trace.notes) note(text);
  if (read.trace.memory.empty())
    bad_input(options.file, "no memory events in it (torch.profiler: profile_memory=True)");
  const std::vector<MemoryStretch> stretches = memory_by_step(read.trace);
  if (options.json) fmt::print("{}", memory_json(read, stretches));
  else print_memory(read, stretches);
  return kDone;
}

}  // namespace

void add_memory_command(CLI::App& app, ProfileCommands& commands) {
  const auto options = std::make_shared<MemoryOptions>();
  CLI::App* command =
      app.add_subcommand("memory", "peaks and leftovers of each step, from memory events or a snapshot");
  command->add_option("FILE", options->file, "a recording with memory events, or torch.cuda.memory's snapshot pickle")
      ->required();
  command->add_flag("--json", options->json, "print as JSON");
  commands[command] = [options] { return memory(*options); };
}

}  // namespace bigmac::apps
