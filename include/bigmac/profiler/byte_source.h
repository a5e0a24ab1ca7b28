// Bytes of a file, plain or gzipped, read forward in pieces: what every streaming reader of the profiler reads from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bigmac {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Fills up to `size` bytes; 0 only at the end. Throws Error{bad_input} with the file and the byte offset where a
  /// compressed file is corrupt or ends early, and where the system cannot read.
  virtual std::size_t read(char* into, std::size_t size) = 0;
  const std::string& file() const { return file_; }

 protected:
  explicit ByteSource(std::string file) : file_(std::move(file)) {}

 private:
  std::string file_;
};

/// Gzip is told by its two magic bytes, whatever the name ends in.
std::unique_ptr<ByteSource> open_bytes(const std::string& path);
/// Text in memory, for tests and fuzzing; `text` must outlive the source. Gzipped text is inflated too.
std::unique_ptr<ByteSource> bytes_of(std::string_view text, const std::string& file);

/// "FILE: byte N", for messages.
std::string at_byte(const std::string& file, std::uint64_t offset);

}  // namespace bigmac
