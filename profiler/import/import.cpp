#include "bigmac/profiler/import.h"

#include <array>

#include "bigmac/base/error.h"
#include "bigmac/profiler/collectives.h"
#include "bigmac/profiler/kineto.h"
#include "bigmac/profiler/nsys.h"
#include "bigmac/profiler/trace_file.h"
#include "emit_nvtx.h"

namespace bigmac {
namespace {

/// The first bytes of the (uncompressed) text.
std::string beginning(const std::string& path) {
  std::array<char, 512> bytes{};
  const std::size_t got = open_bytes(path)->read(bytes.data(), bytes.size());
  return std::string(bytes.data(), got);
}

Trace read_any(const std::string& path) {
  const std::string first = beginning(path);
  if (first.starts_with("SQLite format 3")) return read_nsys(path);
  if (first.find("\"bigmac.trace/") != std::string::npos) return read_trace_file(path);
  return read_kineto(*open_bytes(path));
}

}  // namespace

Trace import_trace(const std::string& path) {
  Trace trace = read_any(path);
  read_emit_nvtx(trace);
  return trace;
}

Trace import_traces(const std::vector<std::string>& paths) {
  BIGMAC_CHECK(!paths.empty());
  Trace all = import_trace(paths.front());
  if (paths.size() == 1) return all;
  for (std::size_t i = 1; i < paths.size(); ++i) append(all, import_trace(paths[i]));
  sort_events(all);
  const auto offsets = clock_offsets(all);
  for (std::uint32_t p = 1; p < offsets.size(); ++p)
    all.notes.push_back(offsets[p] ? "process " + std::to_string(p) + ": clock " + std::to_string(offsets[p]->value) +
                                         " ns ahead of process 0's, by their collectives"
                                   : "process " + std::to_string(p) +
                                         ": no collective in common with process 0; its clock is taken as it is");
  align_clocks(all, offsets);
  return all;
}

}  // namespace bigmac
