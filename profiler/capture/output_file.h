// The file of one process: written beside its name, renamed when complete. Failures are kept, never thrown: the host
// goes on.
#pragma once

#include <string>

namespace bigmac::capture {

class OutputFile {
 public:
  OutputFile() = default;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  /// Creates FOLDER/STEM.trace.jsonl.part; STEM-2, -3, ... where that exists (a process may exec another program).
  /// False with error() set where it cannot.
  bool open(const std::string& folder, const std::string& stem);

  /// Appends whole lines. After a failure (disk full, file too large) the file is cut back to the last whole line and
  /// stays as it is; false then and ever after.
  bool write(const std::string& lines);

  /// Renames to the name without .part. False where that fails or nothing was opened.
  bool finish();

  bool failed() const { return failed_; }
  const std::string& error() const { return error_; }
  const std::string& path() const { return path_; }  ///< the final name

 private:
  bool fail(const char* what);

  int descriptor_ = -1;
  std::string path_, error_;
  long long written_ = 0;
  bool failed_ = false;
};

}  // namespace bigmac::capture
