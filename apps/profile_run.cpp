// bigmac-profile run: records what a program does on the GPU and in its NVTX ranges, without touching it.
#include <ctime>
#include <filesystem>
#include <memory>

#include <fmt/format.h>

#include "bigmac/profiler/launch.h"
#include "profile_commands.h"
#include "program.h"

namespace bigmac::apps {
namespace {

struct RunOptions {
  LaunchOptions launch;
  bool json = false, gzip = false, baseline = false;
};

/// Beside this program, as it is built and installed: bin/../lib.
std::string own_library() {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path() / "lib" / "libbigmac_inject.so")
      .string();
}

std::int64_t unix_ns() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

/// The summary goes to standard error: standard output is the program's.
void report(const RunOptions& options, const std::vector<Recording>& recordings, const ChildEnd& end,
            const std::optional<ChildEnd>& bare) {
  for (const Recording& recording : recordings) {
    for (const std::string& text : recording.notes) note(fmt::format("pid {}: {}", recording.pid, text));
    for (const auto& [why, count] : recording.dropped) note(fmt::format("pid {}: {} {}", recording.pid, count, why));
  }
  if (recordings.empty())
    note("nothing was recorded: the program used neither CUDA nor NVTX, or could not write to " +
         options.launch.folder);
  fmt::print(stderr, "{}", options.json ? recordings_json(recordings, end) : recordings_table(recordings, end));
  if (bare)
    fmt::print(stderr, "{:.3f} s recorded, {:.3f} s without: {:+.2f} %\n", static_cast<double>(end.wall_ns) / 1e9,
               static_cast<double>(bare->wall_ns) / 1e9,
               100 * (static_cast<double>(end.wall_ns) / static_cast<double>(bare->wall_ns) - 1));
}

int run(RunOptions options) {
  if (options.launch.inject_library.empty()) options.launch.inject_library = own_library();
  const auto environment = launch_environment(options.launch);
  std::optional<ChildEnd> bare;
  if (options.baseline) bare = run_child(options.launch.command, {});
  const std::int64_t began = unix_ns();
  const ChildEnd end = run_child(options.launch.command, environment);
  try {
    std::vector<Recording> recordings = collect_recordings(options.launch.folder, began);
    for (Recording& recording : recordings)
      if (options.gzip && !recording.ended.empty()) recording.path = compress_recording(recording.path);
    report(options, recordings, end, bare);
  } catch (const Error& error) {  // the program has run: its exit status counts
    note(error.what());
  }
  return end.exit_code;
}

}  // namespace

void add_run_command(CLI::App& app, ProfileCommands& commands) {
  const auto options = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand(
      "run",
      "run a program under the recorder: kernels, copies, allocations, launches, NVTX ranges, one file per process\n"
      "(docs/trace.md). Ends with the program's own exit status.");
  command->add_option("-o,--output", options->launch.folder, "folder for the recordings")->required();
  command->add_option("--steps", options->launch.steps, "record only steps FIRST:LAST, both included, counted from 0");
  command->add_option("--step-range", options->launch.step_range,
                      "the NVTX range that begins a step: this name, or it and a number (default: step)");
  command->add_flag("--memory", options->launch.memory,
                    "allocations, each by itself: PyTorch's caching allocator off; times mean nothing then");
  command->add_flag("--gzip", options->gzip, "compress the recordings afterwards");
  command->add_flag("--baseline", options->baseline,
                    "run the program once more, before and without the recorder, and print the ratio of times");
  command->add_flag("--json", options->json, "print the summary (on standard error) as JSON");
  command->add_option("--library", options->launch.inject_library,
                      "libbigmac_inject.so (default: beside this program)");
  command->add_option("--cupti", options->launch.cupti_library,
                      "libcupti to use (default: the one the program loads, else the toolkit's)");
  command->add_option("COMMAND", options->launch.command, "-- PROGRAM ARGUMENTS...")->required();
  command->positionals_at_end();
  commands[command] = [options] { return run(*options); };
}

}  // namespace bigmac::apps
