// A typed, located view of a JSON document: every wrong value is reported with its JSON pointer.
//
// Included by *_json.cpp files only, so that nlohmann/json stays out of every other header.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "bigmac/base/error.h"

namespace bigmac {

using Json = nlohmann::ordered_json;

/// Parses text; throws Error{bad_input} with `file`, line and column. Nesting deeper than 64 levels
/// and texts over 2 GiB are refused before anything is built.
Json parse_json(const std::string& text, const std::string& file);

/// Reads a whole file of at most 2 GiB; throws Error{bad_input} naming the path and the system's reason.
std::string read_text_file(const std::string& path);

/// Writes beside `path` (beside its target, where it is a link) and renames over it, so that no reader ever sees half a
/// file; a device or a pipe is written itself. Throws Error{bad_input} naming the path and the system's reason.
void write_text_file(const std::string& path, std::string_view text);

/// A value inside a document, with the path that led there. Cheap to copy; the document must
/// outlive it.
class JsonReader {
 public:
  JsonReader(const Json& value, std::string file, std::string pointer = "")
      : value_(&value), file_(std::move(file)), pointer_(std::move(pointer)) {}

  const Json& raw() const { return *value_; }
  const std::string& file() const { return file_; }
  /// "job.json: /pipeline/ranks", for messages.
  std::string where() const { return file_ + ": " + (pointer_.empty() ? "/" : pointer_); }
  [[noreturn]] void fail(const std::string& what) const { bad_input(where(), what); }

  bool has(const char* key) const;
  /// The member `key`; fails when this is no object or has no such member.
  JsonReader at(const char* key) const;
  std::optional<JsonReader> find(const char* key) const;
  std::vector<JsonReader> items() const;                            ///< of an array
  std::vector<std::pair<std::string, JsonReader>> members() const;  ///< of an object

  std::int64_t integer(std::int64_t low, std::int64_t high) const;
  double number(double low, double high) const;
  std::string string() const;
  bool boolean() const;

  std::int64_t integer_or(const char* key, std::int64_t fallback, std::int64_t low, std::int64_t high) const;
  double number_or(const char* key, double fallback, double low, double high) const;
  std::string string_or(const char* key, const std::string& fallback) const;
  bool boolean_or(const char* key, bool fallback) const;

  /// A note for each member that is not in `known` ("ignored; did you mean ...").
  void note_unknown(const std::vector<std::string>& known, std::vector<std::string>& notes) const;

 private:
  const Json* value_;
  std::string file_;
  std::string pointer_;
};

}  // namespace bigmac
