#include "bigmac/profiler/import.h"

#include <array>

#include "bigmac/profiler/kineto.h"
#include "bigmac/profiler/nsys.h"
#include "bigmac/profiler/trace_file.h"

namespace bigmac {
namespace {

/// The first bytes of the (uncompressed) text.
std::string beginning(const std::string& path) {
  std::array<char, 512> bytes{};
  const std::size_t got = open_bytes(path)->read(bytes.data(), bytes.size());
  return std::string(bytes.data(), got);
}

}  // namespace

Trace import_trace(const std::string& path) {
  const std::string first = beginning(path);
  if (first.starts_with("SQLite format 3")) return read_nsys(path);
  if (first.find("\"bigmac.trace/") != std::string::npos) return read_trace_file(path);
  return read_kineto(*open_bytes(path));
}

}  // namespace bigmac
