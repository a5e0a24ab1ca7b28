#include "output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace bigmac::capture {
namespace {

constexpr const char* kSuffix = ".trace.jsonl";
constexpr const char* kUnfinished = ".part";
constexpr int kMostNames = 1000;

}  // namespace

bool OutputFile::fail(const char* what) {
  failed_ = true;
  if (error_.empty()) error_ = std::string(what) + " " + path_ + ": " + std::strerror(errno);
  return false;
}

bool OutputFile::open(const std::string& folder, const std::string& stem) {
  for (int n = 1; n <= kMostNames; ++n) {
    path_ = folder + "/" + stem + (n == 1 ? "" : "-" + std::to_string(n)) + kSuffix;
    if (access(path_.c_str(), F_OK) == 0) continue;
    descriptor_ = ::open((path_ + kUnfinished).c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_APPEND, 0666);
    if (descriptor_ >= 0) return true;
    if (errno != EEXIST) break;
  }
  return fail("cannot create");
}

bool OutputFile::write(const std::string& lines) {
  if (failed_ || descriptor_ < 0) return false;
  std::size_t done = 0;
  while (done < lines.size()) {
    const ssize_t wrote = ::write(descriptor_, lines.data() + done, lines.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) {
      if (wrote == 0) errno = ENOSPC;
      fail("cannot write");
      const std::size_t newline = done == 0 ? std::string::npos : lines.rfind('\n', done - 1);
      if (newline != std::string::npos) written_ += static_cast<long long>(newline + 1);
      if (ftruncate(descriptor_, written_) != 0) error_ += "; its last line is cut";
      return false;
    }
    done += static_cast<std::size_t>(wrote);
  }
  written_ += static_cast<long long>(lines.size());
  return true;
}

bool OutputFile::finish() {
  if (descriptor_ < 0) return false;
  close(descriptor_);
  descriptor_ = -1;
  return std::rename((path_ + kUnfinished).c_str(), path_.c_str()) == 0 || fail("cannot rename");
}

}  // namespace bigmac::capture
