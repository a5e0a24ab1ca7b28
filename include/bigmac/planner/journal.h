// A search's results as they are found, in a file that is only ever appended to.
//
// One record a line: the CRC-32 of the rest in hexadecimal, the task, a tab, the result. The first record names the
// search by a fingerprint of everything its results depend on. A process may be killed at any byte: a last line that is
// cut short or fails its sum is taken off on the next opening, and nothing before it is lost.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace bigmac {

class Journal {
 public:
  /// Opens `path`, new or, with `resume`, with what it holds. Throws Error{bad_input} when it cannot be written, is of
  /// another search, or holds a damaged record before its last.
  Journal(std::string path, const std::string& fingerprint, bool resume);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  std::optional<std::string> find(const std::string& task) const;
  /// Throws Error{bad_input} when the record cannot be written (a full disk); the file then ends with the record before
  /// it.
  void append(const std::string& task, const std::string& result);
  std::size_t resumed() const { return resumed_; }  ///< results found on opening

 private:
  void write(const std::string& task, const std::string& result);

  std::string path_;
  int file_ = -1;
  long long size_ = 0;
  std::map<std::string, std::string> known_;
  std::size_t resumed_ = 0;
};

struct JournalContent {
  std::string fingerprint;
  std::map<std::string, std::string> results;  ///< by task
  std::size_t sound_bytes = 0;                 ///< up to the end of the last whole record
};
/// Reads a journal's text. Throws Error{bad_input} for a damaged record that others follow.
JournalContent read_journal(const std::string& text, const std::string& file);

}  // namespace bigmac
