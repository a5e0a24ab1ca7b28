// Running a program under the recorder, and what it left behind. Stands before the trace: launch -> files of
// bigmac.trace/1.
//
// The program is run as it is: same streams, same working folder, same exit status. Two environment variables make CUDA
// and NVTX load libbigmac_inject.so into it and into what it starts (profiler/capture).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace bigmac {

struct LaunchOptions {
  std::vector<std::string> command;
  std::string folder;          ///< for the recordings; made where it is missing
  std::string inject_library;  ///< libbigmac_inject.so
  std::string steps;           ///< "5:10", both included, from 0; empty: everything
  std::string step_range = "step";
  bool memory = false;        ///< PyTorch's caching allocator off: allocations exact, times meaningless
  std::string cupti_library;  ///< empty: found at run time
};

/// The variables that the program is given besides its own. Throws Error{bad_input} for steps that are none.
std::map<std::string, std::string> launch_environment(const LaunchOptions& options);

struct ChildEnd {
  int exit_code = 0;  ///< 128 + signal where a signal ended it, as a shell says
  std::optional<int> signal;
  std::int64_t wall_ns = 0;
};

/// Starts the command and waits for it. Interrupts reach it and not us; SIGTERM and SIGHUP are passed on. Throws
/// Error{bad_input} where it cannot be started.
ChildEnd run_child(const std::vector<std::string>& command, const std::map<std::string, std::string>& environment);

/// One recording, as its lines say.
struct Recording {
  std::string path;
  std::int64_t pid = 0;
  std::optional<std::int64_t> rank;
  std::string name;   ///< of the process
  std::string ended;  ///< "exit"; "lost": without its exit handlers; "cut": writing failed; "": it still runs
  std::map<std::string, std::uint64_t> lines;    ///< by first word
  std::map<std::string, std::uint64_t> dropped;  ///< by reason
  std::vector<std::string> notes;
  std::map<std::string, double> costs;  ///< of its last line: nvtx_calls, nvtx_call_ns, writer_cpu_ns, launches
  std::int64_t overhead_ns = 0;         ///< CUPTI's own, summed
  std::uint64_t bytes = 0;
};

/// Completes what processes that are gone left unfinished in `folder` (cut to whole lines, a last line, renamed) and
/// returns every recording there that was begun at or after `since_unix_ns`, by path. Throws Error{bad_input} where the
/// folder cannot be read.
std::vector<Recording> collect_recordings(const std::string& folder, std::int64_t since_unix_ns);

/// Replaces a finished recording by its gzipped form; returns the new path.
std::string compress_recording(const std::string& path);

/// The recordings as a table for people, notes and losses below it.
std::string recordings_table(const std::vector<Recording>& recordings, const ChildEnd& end);
std::string recordings_json(const std::vector<Recording>& recordings, const ChildEnd& end);

}  // namespace bigmac
