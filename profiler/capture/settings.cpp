#include "settings.h"

#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace bigmac::capture {
namespace {

std::string variable(const char* name, const char* fallback = "") {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

/// The first that is set, so that the same code serves torchrun, Slurm and Open MPI.
std::string first_of(std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (const char* value = std::getenv(name)) return value;
  return "";
}

std::vector<std::string> command_of_this_process() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  std::vector<std::string> out;
  constexpr std::size_t kMaxWords = 256;
  for (std::size_t at = 0; at < text.size() && out.size() < kMaxWords;) {
    out.emplace_back(text.c_str() + at);
    at += out.back().size() + 1;
  }
  return out;
}

std::string name_of_this_process() {
  std::ifstream file("/proc/self/comm");
  std::string name;
  std::getline(file, name);
  return name;
}

}  // namespace

std::optional<StepSpan> parse_steps(const std::string& text) {
  StepSpan span;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, span.first);
  if (first.ec != std::errc() || span.first < 0) return std::nullopt;
  span.last = span.first;
  if (first.ptr == end) return span;
  if (*first.ptr != ':') return std::nullopt;
  const auto last = std::from_chars(first.ptr + 1, end, span.last);
  if (last.ec != std::errc() || last.ptr != end || span.last < span.first) return std::nullopt;
  return span;
}

Settings settings_from_environment() {
  Settings settings;
  settings.folder = variable(kFolderVariable);
  settings.mode = variable(kModeVariable, "time");
  settings.step_range = variable(kStepRangeVariable, "step");
  settings.steps_text = variable(kStepsVariable);
  settings.steps = parse_steps(settings.steps_text);
  settings.cupti_library = variable(kCuptiVariable);
  return settings;
}

Header header_of_this_process(const Settings& settings, Time base_unix_ns) {
  Header header;
  header.pid = getpid();
  header.parent_pid = getppid();
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  header.host = host;
  header.name = name_of_this_process();
  header.command = command_of_this_process();
  header.rank = first_of({"RANK", "SLURM_PROCID", "OMPI_COMM_WORLD_RANK", "PMI_RANK"});
  header.local_rank = first_of({"LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK"});
  header.world_size = first_of({"WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE", "PMI_SIZE"});
  header.base_unix_ns = base_unix_ns;
  header.mode = settings.mode;
  header.step_range = settings.step_range;
  header.steps = settings.steps_text;
  return header;
}

}  // namespace bigmac::capture
