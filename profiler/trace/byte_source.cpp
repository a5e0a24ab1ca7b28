#include "bigmac/profiler/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include <sys/stat.h>
#include <zlib.h>

#include "bigmac/base/error.h"

namespace bigmac {
namespace {

constexpr std::size_t kCompressedPiece = std::size_t{1} << 18;
constexpr int kAutoGzip = 15 + 16;  // largest window, gzip header expected

class FileBytes final : public ByteSource {
 public:
  explicit FileBytes(const std::string& path) : ByteSource(path), handle_(std::fopen(path.c_str(), "rb"), std::fclose) {
    struct stat about {};
    if (handle_ == nullptr) bad_input(path, std::strerror(errno));
    if (::fstat(fileno(handle_.get()), &about) == 0 && S_ISDIR(about.st_mode))
      bad_input(path, "is a folder, expected a file");
  }

  std::size_t read(char* into, std::size_t size) override {
    const std::size_t got = std::fread(into, 1, size, handle_.get());
    if (got < size && std::ferror(handle_.get()) != 0) bad_input(file(), std::strerror(errno));
    return got;
  }

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> handle_;
};

class TextBytes final : public ByteSource {
 public:
  TextBytes(std::string_view text, const std::string& file) : ByteSource(file), rest_(text) {}

  std::size_t read(char* into, std::size_t size) override {
    const std::size_t got = std::min(size, rest_.size());
    rest_.copy(into, got);
    rest_.remove_prefix(got);
    return got;
  }

 private:
  std::string_view rest_;
};

/// Inflates gzip, also several members one after another.
class GzipBytes final : public ByteSource {
 public:
  explicit GzipBytes(std::unique_ptr<ByteSource> packed, std::string_view first)
      : ByteSource(packed->file()), packed_(std::move(packed)), piece_(kCompressedPiece) {
    std::copy(first.begin(), first.end(), piece_.begin());
    stream_.next_in = reinterpret_cast<Bytef*>(piece_.data());
    stream_.avail_in = static_cast<uInt>(first.size());
    BIGMAC_CHECK(inflateInit2(&stream_, kAutoGzip) == Z_OK);
  }
  ~GzipBytes() override { inflateEnd(&stream_); }

  std::size_t read(char* into, std::size_t size) override {
    stream_.next_out = reinterpret_cast<Bytef*>(into);
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(size, UINT32_MAX));
    const uInt wanted = stream_.avail_out;
    while (stream_.avail_out > 0 && !ended_) step();
    return wanted - stream_.avail_out;
  }

 private:
  void step() {
    if (stream_.avail_in == 0) refill();
    if (stream_.avail_in == 0) {
      if (!between_) fail("the compressed file ends early");
      ended_ = true;
      return;
    }
    if (between_) BIGMAC_CHECK(inflateReset(&stream_) == Z_OK);
    between_ = false;
    const int code = inflate(&stream_, Z_NO_FLUSH);
    if (code == Z_STREAM_END) between_ = true;
    else if (code != Z_OK && code != Z_BUF_ERROR)
      fail(std::string("corrupt gzip data: ") + (stream_.msg != nullptr ? stream_.msg : "cannot be inflated"));
  }

  void refill() {
    consumed_ += static_cast<std::uint64_t>(stream_.next_in - reinterpret_cast<Bytef*>(piece_.data()));
    stream_.next_in = reinterpret_cast<Bytef*>(piece_.data());
    stream_.avail_in = static_cast<uInt>(packed_->read(piece_.data(), piece_.size()));
  }

  [[noreturn]] void fail(const std::string& what) {
    const auto used = static_cast<std::uint64_t>(stream_.next_in - reinterpret_cast<Bytef*>(piece_.data()));
    bad_input(at_byte(file(), consumed_ + used) + " of the compressed file", what);
  }

  std::unique_ptr<ByteSource> packed_;
  std::vector<char> piece_;
  z_stream stream_{};
  std::uint64_t consumed_ = 0;
  bool between_ = false;  ///< a member has ended and the next has not begun
  bool ended_ = false;
};

/// What was read to look at the first bytes, then the rest.
class Rejoined final : public ByteSource {
 public:
  Rejoined(std::unique_ptr<ByteSource> rest, std::string first)
      : ByteSource(rest->file()), rest_(std::move(rest)), first_(std::move(first)) {}

  std::size_t read(char* into, std::size_t size) override {
    const std::size_t got = std::min(size, first_.size());
    first_.copy(into, got);
    first_.erase(0, got);
    return got + rest_->read(into + got, size - got);
  }

 private:
  std::unique_ptr<ByteSource> rest_;
  std::string first_;
};

std::unique_ptr<ByteSource> inflated_if_gzip(std::unique_ptr<ByteSource> source) {
  char magic[2];
  const std::size_t got = source->read(magic, 2);
  const std::string first(magic, got);
  if (first == "\x1f\x8b") return std::make_unique<GzipBytes>(std::move(source), first);
  return std::make_unique<Rejoined>(std::move(source), first);
}

}  // namespace

std::unique_ptr<ByteSource> open_bytes(const std::string& path) {
  return inflated_if_gzip(std::make_unique<FileBytes>(path));
}

std::unique_ptr<ByteSource> bytes_of(std::string_view text, const std::string& file) {
  return inflated_if_gzip(std::make_unique<TextBytes>(text, file));
}

std::string at_byte(const std::string& file, std::uint64_t offset) { return file + ": byte " + std::to_string(offset); }

}  // namespace bigmac
