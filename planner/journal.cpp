#include "bigmac/planner/journal.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

constexpr const char* kHeader = "bigmac.journal/2";
constexpr std::size_t kSum = 8;  // hexadecimal digits

std::string sum_of_text(std::string_view text) {
  return fmt::format("{:08x}",
                     crc32(0, reinterpret_cast<const unsigned char*>(text.data()), static_cast<unsigned>(text.size())));
}

std::string record(const std::string& task, const std::string& result) {
  const std::string rest = " " + task + "\t" + result;
  return sum_of_text(rest) + rest + "\n";
}

/// Task and result of a whole line without its end, or nothing.
std::optional<std::pair<std::string, std::string>> parse_record(std::string_view line) {
  if (line.size() < kSum + 2 || line.substr(0, kSum) != sum_of_text(line.substr(kSum))) return std::nullopt;
  const std::size_t tab = line.find('\t');
  if (line[kSum] != ' ' || tab == std::string_view::npos) return std::nullopt;
  return std::pair(std::string(line.substr(kSum + 1, tab - kSum - 1)), std::string(line.substr(tab + 1)));
}

[[noreturn]] void system_failed(const std::string& path, const char* what) {
  bad_input(path, fmt::format("{}: {}", what, std::strerror(errno)));
}

std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return in.is_open() ? text.str() : std::string();
}

}  // namespace

JournalContent read_journal(const std::string& text, const std::string& file) {
  JournalContent out;
  std::size_t line = 1;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;  // cut short
    const auto parsed = parse_record(std::string_view(text).substr(begin, end - begin));
    if (!parsed && end + 1 < text.size())
      bad_input(fmt::format("{}: line {}", file, line), "the record fails its checksum; delete the file to start anew");
    if (!parsed) break;
    if (begin == 0) {
      if (parsed->first != kHeader) bad_input(file, fmt::format("expected a journal ({})", kHeader));
      out.fingerprint = parsed->second;
    } else {
      out.results[parsed->first] = parsed->second;
    }
    begin = out.sound_bytes = end + 1;
  }
  return out;
}

Journal::Journal(std::string path, const std::string& fingerprint, bool resume) : path_(std::move(path)) {
  if (resume) {
    JournalContent content = read_journal(read_whole(path_), path_);
    if (content.sound_bytes > 0 && content.fingerprint != fingerprint)
      bad_input(path_, "belongs to another search: job, options or program differ; leave out --resume to start anew");
    size_ = static_cast<long long>(content.sound_bytes);
    known_ = std::move(content.results);
    resumed_ = known_.size();
  }
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) system_failed(path_, "cannot open");
  if (::ftruncate(file_, size_) != 0 || ::lseek(file_, size_, SEEK_SET) < 0) system_failed(path_, "cannot truncate");
  if (size_ == 0) write(kHeader, fingerprint);
}

Journal::~Journal() {
  if (file_ >= 0) ::close(file_);
}

std::optional<std::string> Journal::find(const std::string& task) const {
  const auto at = known_.find(task);
  return at == known_.end() ? std::nullopt : std::optional(at->second);
}

void Journal::append(const std::string& task, const std::string& result) { write(task, result); }

void Journal::write(const std::string& task, const std::string& result) {
  const std::string text = record(task, result);
  for (std::size_t written = 0; written < text.size();) {
    const ssize_t count = ::write(file_, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int reason = errno;
      // What part of it is there would be taken off on the next opening too.
      if (::ftruncate(file_, size_) == 0) ::lseek(file_, size_, SEEK_SET);
      errno = reason;
      system_failed(path_, "cannot write; what was found before is kept, and --resume goes on from it");
    }
    written += static_cast<std::size_t>(count);
  }
  size_ += static_cast<long long>(text.size());
}

}  // namespace bigmac
