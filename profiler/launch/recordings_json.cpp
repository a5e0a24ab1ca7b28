#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "bigmac/base/json_reader.h"
#include "bigmac/profiler/launch.h"

namespace bigmac {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kSuffix = ".trace.jsonl", kPart = ".part";

Json parsed(const std::string& line) { return Json::parse(line, nullptr, false); }

template <class Number>
Number number_in(const Json& object, const char* key, Number otherwise) {
  return object.is_object() && object.contains(key) && object[key].is_number() ? object[key].get<Number>() : otherwise;
}

/// The process may have been replaced by another with its number: then its file is finished a little later than it
/// could be.
bool is_alive(std::int64_t pid) { return pid > 0 && (kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM); }

std::int64_t modified_unix_ns(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return 0;
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

/// Bytes up to and with the last newline; 0 where there is none.
std::uint64_t whole_lines(const std::string& path) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  auto end = static_cast<std::int64_t>(file.tellg());
  constexpr std::int64_t kBlock = 65536;
  std::string block;
  while (end > 0) {
    const std::int64_t begin = std::max<std::int64_t>(0, end - kBlock);
    block.resize(static_cast<std::size_t>(end - begin));
    file.seekg(begin);
    file.read(block.data(), end - begin);
    if (const auto at = block.rfind('\n'); at != std::string::npos) return static_cast<std::uint64_t>(begin) + at + 1;
    end = begin;
  }
  return 0;
}

/// What the process would have done at its exit. The final path, or nothing where not even the header was written.
std::optional<std::string> complete(const std::string& part, std::int64_t base_unix_ns) {
  const std::int64_t last_write = modified_unix_ns(part);
  const std::uint64_t bytes = whole_lines(part);
  if (bytes == 0) {
    fs::remove(part);
    return std::nullopt;
  }
  fs::resize_file(part, bytes);
  std::ofstream(part, std::ios::app) << fmt::format("[\"end\", {}, {}, \"lost\", {{}}]\n", last_write - base_unix_ns,
                                                    last_write);
  const std::string path = part.substr(0, part.size() - kPart.size());
  fs::rename(part, path);
  return path;
}

/// The first word of a line, "range" of ["range", ...].
std::string_view word_of(std::string_view line) {
  if (!line.starts_with("[\"")) return "";
  const auto end = line.find('"', 2);
  return end == std::string_view::npos ? "" : line.substr(2, end - 2);
}

void read_line(const std::string& line, Recording& out) {
  const std::string_view word = word_of(line);
  if (word.empty()) return;
  ++out.lines[std::string(word)];
  if (word != "note" && word != "dropped" && word != "end" && word != "overhead") return;
  const Json json = parsed(line);
  if (!json.is_array() || json.size() < 2) return;
  if (word == "note" && json[1].is_string()) out.notes.push_back(json[1]);
  if (word == "dropped" && json[1].is_number() && json.size() > 2 && json[2].is_string())
    out.dropped[json[2]] += json[1].get<std::uint64_t>();
  if (word == "overhead" && json.size() > 2 && json[2].is_number())
    out.overhead_ns += json[2].get<std::int64_t>() - json[1].get<std::int64_t>();
  if (word != "end" || json.size() < 5) return;
  out.ended = json[3].is_string() ? json[3].get<std::string>() : "";
  for (const char* cost : {"nvtx_calls", "nvtx_call_ns", "writer_cpu_ns", "launches"})
    if (const double value = number_in(json[4], cost, -1.0); value >= 0) out.costs[cost] = value;
}

std::optional<Recording> read_recording(std::string path, std::int64_t since_unix_ns) {
  std::ifstream file(path, std::ios::binary);
  std::string line;
  std::getline(file, line);
  const Json header = parsed(line);
  if (!header.is_object()) return std::nullopt;
  const auto base = number_in<std::int64_t>(header, "base_unix_ns", 0);
  if (base < since_unix_ns) return std::nullopt;
  Recording out;
  out.pid = number_in<std::int64_t>(header, "pid", 0);
  if (header.contains("rank")) out.rank = number_in<std::int64_t>(header, "rank", 0);
  if (header.contains("name") && header["name"].is_string()) out.name = header["name"];
  if (path.ends_with(kPart) && !is_alive(out.pid)) {
    if (const auto completed = complete(path, base)) path = *completed;
    file = std::ifstream(path, std::ios::binary);
    std::getline(file, line);
  }
  out.path = path;
  while (std::getline(file, line)) read_line(line, out);
  if (out.ended.empty() && !path.ends_with(kPart)) out.ended = "cut";
  out.bytes = fs::file_size(path);
  return out;
}

std::uint64_t count(const Recording& recording, const char* word) {
  const auto found = recording.lines.find(word);
  return found == recording.lines.end() ? 0 : found->second;
}

double cost(const Recording& recording, const char* name) {
  const auto found = recording.costs.find(name);
  return found == recording.costs.end() ? 0 : found->second;
}

/// Time that recording took in this process, as measured while it ran: sampled NVTX calls, the writer's thread, CUPTI's
/// own records.
double recording_ns(const Recording& r) {
  return cost(r, "nvtx_calls") * cost(r, "nvtx_call_ns") + cost(r, "writer_cpu_ns") +
         static_cast<double>(r.overhead_ns);
}

Json recording_json(const Recording& r) {
  Json out = {{"path", r.path},       {"pid", r.pid},
              {"name", r.name},       {"ended", r.ended},
              {"bytes", r.bytes},     {"lines", r.lines},
              {"dropped", r.dropped}, {"notes", r.notes},
              {"costs", r.costs},     {"cupti_overhead_ns", r.overhead_ns}};
  if (r.rank) out["rank"] = *r.rank;
  return out;
}

}  // namespace

std::vector<Recording> collect_recordings(const std::string& folder, std::int64_t since_unix_ns) {
  std::vector<std::string> paths;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator(folder, failure)) {
    const std::string path = entry.path().string();
    if (path.ends_with(kSuffix) || path.ends_with(std::string(kSuffix) + std::string(kPart))) paths.push_back(path);
  }
  if (failure) bad_input(folder, failure.message());
  std::sort(paths.begin(), paths.end());
  std::vector<Recording> out;
  for (const std::string& path : paths)
    if (auto recording = read_recording(path, since_unix_ns)) out.push_back(std::move(*recording));
  return out;
}

std::string compress_recording(const std::string& path) {
  const std::string target = path + ".gz", part = target + std::string(kPart);
  std::ifstream in(path, std::ios::binary);
  gzFile out = gzopen(part.c_str(), "wb6");
  if (!in || out == nullptr) bad_input(path, std::string("cannot be compressed: ") + std::strerror(errno));
  std::string block(std::size_t{1} << 20, '\0');
  bool good = true;
  while (good && (in.read(block.data(), static_cast<std::streamsize>(block.size())), in.gcount() > 0))
    good = gzwrite(out, block.data(), static_cast<unsigned>(in.gcount())) == in.gcount();
  good = gzclose(out) == Z_OK && good;
  if (!good) {
    fs::remove(part);
    bad_input(target, "cannot be written: the disk may be full");
  }
  fs::rename(part, target);
  fs::remove(path);
  return target;
}

std::string recordings_table(const std::vector<Recording>& recordings, const ChildEnd& end) {
  std::string out = fmt::format("{:>8} {:>5} {:<16} {:>9} {:>9} {:>9} {:>9}  {:<6} {}\n", "pid", "rank", "program",
                                "kernels", "copies", "calls", "ranges", "ended", "overhead");
  for (const Recording& r : recordings) {
    const double share = end.wall_ns > 0 ? 100 * recording_ns(r) / static_cast<double>(end.wall_ns) : 0;
    out += fmt::format("{:>8} {:>5} {:<16} {:>9} {:>9} {:>9} {:>9}  {:<6} {}\n", r.pid,
                       r.rank ? std::to_string(*r.rank) : "-", r.name, count(r, "kernel"),
                       count(r, "copy") + count(r, "set"), count(r, "call"),
                       count(r, "range") + count(r, "process_range"), r.ended.empty() ? "runs" : r.ended,
                       r.costs.empty() ? "not known" : fmt::format("{:.3f} % of wall time", share));
    if (cost(r, "nvtx_calls") > 0)
      out += fmt::format(
          "         NVTX {:.0f} calls, {} each; writer's thread {:.1f} ms of processor; CUPTI's own {:.1f} ms\n",
          cost(r, "nvtx_calls"),
          r.costs.contains("nvtx_call_ns") ? fmt::format("{:.0f} ns", cost(r, "nvtx_call_ns")) : "too few to time",
          cost(r, "writer_cpu_ns") / 1e6, static_cast<double>(r.overhead_ns) / 1e6);
    out += fmt::format("         {}\n", r.path);
  }
  return out;
}

std::string recordings_json(const std::vector<Recording>& recordings, const ChildEnd& end) {
  Json out = {{"exit_code", end.exit_code}, {"wall_ns", end.wall_ns}, {"recordings", Json::array()}};
  for (const Recording& r : recordings) out["recordings"].push_back(recording_json(r));
  return out.dump() + "\n";
}

}  // namespace bigmac
